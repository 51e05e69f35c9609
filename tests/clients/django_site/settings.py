"""A Django site that knows its database from libpq's variables."""

import os

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ["PGDATABASE"],
        "USER": os.environ["PGUSER"],
        "PASSWORD": os.environ["PGPASSWORD"],
        "HOST": os.environ["PGHOST"],
        "PORT": os.environ["PGPORT"],
        "OPTIONS": {"pool": False},
    }
}
INSTALLED_APPS = ["harbour", "garden", "django.contrib.contenttypes", "django.contrib.postgres"]
USE_TZ = True
TIME_ZONE = "UTC"
SECRET_KEY = "only for tests"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
