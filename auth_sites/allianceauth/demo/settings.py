"""Alliance Auth as its own template sets it up; addresses come from the environment, pages need no internet.

A folder is given in DEMO_HOME: the database lies there, and `rolecall.json` with the ROLECALL_… settings once Rolecall
runs.
"""

import json
import os
from pathlib import Path

from allianceauth.project_template.project_name.settings.base import *  # noqa: F403
from allianceauth.project_template.project_name.settings.base import INSTALLED_APPS, LOGGING, MIDDLEWARE, TEMPLATES
from celery.schedules import crontab

HOME = Path(os.environ["DEMO_HOME"])
HERE = Path(__file__).parent

SECRET_KEY = "of the demo only"
SITE_NAME = "Northwind Accord"
SITE_URL = os.environ["DEMO_SITE_URL"]
CSRF_TRUSTED_ORIGINS = [SITE_URL]
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
DEBUG = False
CSRF_COOKIE_SECURE = SESSION_COOKIE_SECURE = False  # there is no https on this machine
ESI_SSO_CLIENT_ID = ESI_SSO_CLIENT_SECRET = "none"
ESI_SSO_CALLBACK_URL = f"{SITE_URL}/sso/callback"
ESI_USER_CONTACT_EMAIL = "nobody@example.org"
ANALYTICS_DISABLED = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the password stands on the login page anyway

ROOT_URLCONF = "demo.urls"
WSGI_APPLICATION = None  # Django makes its own
LOGIN_URL = "demo_login"
TEMPLATES[0]["DIRS"] = [str(HERE / "templates")]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(HOME / "auth.sqlite3"),
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;",
        },
    }
}
REDIS = os.environ["DEMO_REDIS"]
CACHES = {"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": f"redis://{REDIS}/1"}}
BROKER_URL = f"redis://{REDIS}/0"

# Alliance Auth's own tasks ask EVE and others on the internet: only the app's run here.
CELERYBEAT_SCHEDULE = {
    "rolecall_deliver_changes": {"task": "aa_rolecall.tasks.deliver_changes", "schedule": crontab()},
    "rolecall_read_notices": {"task": "aa_rolecall.tasks.read_notices", "schedule": crontab()},
    "rolecall_check_everybody": {"task": "aa_rolecall.tasks.check_everybody", "schedule": crontab(minute="0")},
    "rolecall_read_accounts": {
        "task": "aa_rolecall.tasks.read_accounts",
        "schedule": crontab(minute="30", hour="*/6"),
    },
}

CDN_FOLDER = os.environ["DEMO_CDN"]
MIDDLEWARE = ["demo.middleware.WithoutInternet", *MIDDLEWARE]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
STATIC_ROOT = str(HOME / "static")
STATICFILES_DIRS = [("cdn", CDN_FOLDER)]

for handler in LOGGING["handlers"]:
    LOGGING["handlers"][handler] = {"class": "logging.StreamHandler", "formatter": "verbose"}
for logger in LOGGING["loggers"].values():
    logger["handlers"], logger["level"] = ["console"], "INFO"

INSTALLED_APPS += ["aa_rolecall"]
if (HOME / "rolecall.json").exists():
    globals().update(json.loads((HOME / "rolecall.json").read_text()))
