"""Alliance Auth's own Celery app, of its project template."""

from allianceauth.project_template.project_name.celery import app

__all__ = ["app"]
