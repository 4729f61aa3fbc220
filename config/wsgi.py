"""The WSGI application that the web server calls."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()
# Read now: the first request would wait for it.
_ = get_resolver().url_patterns
# What is loaded stays loaded; looking for garbage in it again and again costs every request.
gc.collect()
gc.freeze()
