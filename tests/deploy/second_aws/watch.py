# mypy: ignore-errors
"""The resources of stacks that ring, of which moto lacks some: alarms, and who hears them."""

from moto.cloudwatch.models import cloudwatch_backends
from moto.core.common_models import CloudFormationModel
from moto.sns.models import sns_backends


class Ringing:
    """What is the same for both: changed like made."""

    def __init__(self, name, arn):
        self.physical_resource_id = name
        self._arn = arn

    @staticmethod
    def cloudformation_name_type():
        return None

    @classmethod
    def has_cfn_attr(cls, attr):
        return attr == "Arn"

    def get_cfn_attribute(self, attribute_name):
        return self._arn

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name
    ):
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)


class Alarm(Ringing, CloudFormationModel):
    """`AWS::CloudWatch::Alarm`."""

    __module__ = "moto.cloudwatch.rules"  # where moto reads which service it belongs to

    @staticmethod
    def cloudformation_type():
        return "AWS::CloudWatch::Alarm"

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **_):
        said = cloudformation_json["Properties"]
        made = cloudwatch_backends[account_id][region_name].put_metric_alarm(
            name=said["AlarmName"],
            namespace=said.get("Namespace"),
            metric_name=said.get("MetricName"),
            comparison_operator=said["ComparisonOperator"],
            evaluation_periods=int(said["EvaluationPeriods"]),
            period=said.get("Period"),
            threshold=float(said["Threshold"]),
            statistic=said.get("Statistic"),
            description=said["AlarmDescription"],
            dimensions=said.get("Dimensions", []),
            alarm_actions=said["AlarmActions"],
        )
        return cls(said["AlarmName"], made.alarm_arn)

    def delete(self, account_id, region_name):
        cloudwatch_backends[account_id][region_name].delete_alarms([self.physical_resource_id])


class Subscription(Ringing, CloudFormationModel):
    """`AWS::SNS::Subscription`."""

    __module__ = "moto.sns.rules"

    @staticmethod
    def cloudformation_type():
        return "AWS::SNS::Subscription"

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **_):
        said = cloudformation_json["Properties"]
        backend = sns_backends[account_id][region_name]
        made = backend.subscribe(said["TopicArn"], said["Endpoint"], said["Protocol"])
        return cls(made.arn, made.arn)

    def delete(self, account_id, region_name):
        sns_backends[account_id][region_name].unsubscribe(self.physical_resource_id)
