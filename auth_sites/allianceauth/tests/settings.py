"""Alliance Auth as its own template sets it up, without a Redis, a worker or anything beyond this process."""

import os
import tempfile
from pathlib import Path

from allianceauth.project_template.project_name.settings.base import *  # noqa: F403
from allianceauth.project_template.project_name.settings.base import CACHES, INSTALLED_APPS, LOGGING

HOME = Path(os.environ.get("ROLECALL_TEST_HOME") or tempfile.mkdtemp(prefix="aa-rolecall-"))

SECRET_KEY = "of tests only"
SITE_URL = "http://127.0.0.1:8000"
CSRF_TRUSTED_ORIGINS = [SITE_URL]
ALLOWED_HOSTS = ["*"]
DEBUG = False
CSRF_COOKIE_SECURE = SESSION_COOKIE_SECURE = False
ESI_SSO_CLIENT_ID = ESI_SSO_CLIENT_SECRET = "none"
ESI_SSO_CALLBACK_URL = f"{SITE_URL}/sso/callback"
ESI_USER_CONTACT_EMAIL = "nobody@example.org"
ANALYTICS_DISABLED = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(HOME / "auth.sqlite3"),
        # A file, so that threads see the same; nothing of it need outlive the machine.
        "TEST": {"NAME": str(HOME / "test.sqlite3")},
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;",
        },
    }
}

CACHES["default"]["OPTIONS"] = {
    "CLIENT_CLASS": "django_redis.client.DefaultClient",
    "CONNECTION_POOL_KWARGS": {"connection_class": __import__("fakeredis").FakeRedisConnection},
}
BROKER_URL = "memory://"
CELERY_ALWAYS_EAGER = True
CELERY_EAGER_PROPAGATES_EXCEPTIONS = False

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
STATIC_ROOT = str(HOME / "static")
STATICFILES_DIRS = []

LOGGING["handlers"] = {name: {"class": "logging.NullHandler"} for name in LOGGING["handlers"]}
LOGGING["loggers"] = {name: {"level": "INFO", "propagate": True} for name in LOGGING["loggers"]}

WITH_OWN_APP = os.environ.get("ROLECALL_WITHOUT_OWN_APP") is None
if WITH_OWN_APP:
    INSTALLED_APPS += ["allianceauth.services.modules.discord"]
    DISCORD_GUILD_ID = "80351110224678912"
    DISCORD_APP_ID, DISCORD_APP_SECRET, DISCORD_BOT_TOKEN = "1", "app secret of tests", "bot token of tests"
    DISCORD_CALLBACK_URL = f"{SITE_URL}/discord/callback/"
    DISCORD_SYNC_NAMES = True
INSTALLED_APPS += ["aa_rolecall"]

ROLECALL_URL = "http://127.0.0.1:9"
ROLECALL_AUTH_SITE_SECRET = "a secret of tests, 32 bytes or more"
ROLECALL_JOBS_QUEUE_URL = "http://127.0.0.1:9/queue/rolecall-test-jobs"
ROLECALL_NOTICES_QUEUE_URL = "http://127.0.0.1:9/queue/rolecall-test-notices"
ROLECALL_AWS_ENDPOINT_URL = "http://127.0.0.1:9"
ROLECALL_AWS_ACCESS_KEY_ID = "test"
ROLECALL_AWS_SECRET_ACCESS_KEY = "test"
