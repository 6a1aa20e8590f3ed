"""The Celery app, as Alliance Auth's project template has it."""

from celery import Celery

app = Celery("tests")
app.config_from_object("django.conf:settings")
app.conf.ONCE = {"backend": "allianceauth.services.tasks.DjangoBackend", "settings": {}}
app.set_default()
