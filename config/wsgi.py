"""The WSGI application that the web server calls."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver
from django.utils.module_loading import import_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
_django = get_wsgi_application()
# By its name, and only now: it works with models.
application = import_string("config.fast_lane.FastLane")(_django)
# Read now: the first request would wait for it.
_ = get_resolver().url_patterns
# What is loaded stays loaded; looking for garbage in it again and again costs every request.
gc.collect()
gc.freeze()
