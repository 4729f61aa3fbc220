"""Every setting of Optbook. Values come from the environment; `.env.example` explains each."""

from __future__ import annotations

import os
from typing import Any

import environ
from csp.constants import NONE, SELF
from django.templatetags.static import static
from django.utils.functional import lazy

from config import environment
from config.cluster import Cluster
from config.home import BASE, HOME
from config.log_lines import logging_settings

env = environ.Env()

OPTBOOK_MODE = environment.one_of(env, "OPTBOOK_MODE", environment.MODES, environment.DEVELOPMENT)
PRODUCTION = OPTBOOK_MODE == environment.PRODUCTION
DEBUG = environment.flag(env, "DEBUG", False)
if PRODUCTION and DEBUG:
    raise environment.CannotStart("DEBUG shows source and settings; it is off in production.")

OPTBOOK_HOME = HOME
CLUSTER = Cluster(HOME / "postgres")

# --- secrets

_secrets = environment.required_secrets(env, HOME, PRODUCTION)
SECRET_KEY = _secrets["SECRET_KEY"]
SECRET_KEY_FALLBACKS = environment.words(env, "SECRET_KEY_FALLBACKS")
FIELD_ENCRYPTION_KEYS = environment.split(_secrets["FIELD_ENCRYPTION_KEYS"])
IDENTITY_DIGEST_KEY = _secrets["IDENTITY_DIGEST_KEY"]
LEDGER_SEAL_KEYS = environment.split(_secrets["LEDGER_SEAL_KEYS"])

# --- where it serves

PORT = environment.port(env, "PORT", 8000)
BIND = environment.text(env, "OPTBOOK_BIND", "127.0.0.1")
WEB_WORKERS = environment.number(env, "WEB_WORKERS", min(os.cpu_count() or 1, 4), least=1)
WEB_THREADS = environment.number(env, "WEB_THREADS", 6, least=1)
SANDBOX = environment.flag(env, "OPTBOOK_SANDBOX", not PRODUCTION)
SANDBOX_PORT = environment.port(env, "SANDBOX_PORT", 8001)
if SANDBOX and PORT == SANDBOX_PORT:
    raise environment.CannotStart("PORT and SANDBOX_PORT are the same.")
ALLOWED_HOSTS = environment.words(
    env, "ALLOWED_HOSTS", "" if PRODUCTION else "localhost,127.0.0.1,[::1],testserver"
)
# What links for people begin with.
PUBLIC_URL = environment.address(
    env, "PUBLIC_URL", "" if PRODUCTION else f"http://127.0.0.1:{PORT}"
)
CSRF_TRUSTED_ORIGINS = environment.words(env, "CSRF_TRUSTED_ORIGINS")

# --- the application

INSTALLED_APPS = [
    "config",
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "config.admin.OptbookAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "consents",
    "providers",
]
MIDDLEWARE = [
    "config.health.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.Sessions",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "config.middleware.Logins",
    "config.middleware.Messages",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.middleware.BrowserPolicy",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en-us"
# Of the pages for people; staff read English.
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("es", "Español"), ("sv", "Svenska")]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --- the database; nothing is started or connected to by reading this

EMBEDDED = not environment.text(env, "DATABASE_URL")
DATABASES = {
    "default": environment.database(
        env, CLUSTER, as_owner=environment.flag(env, "DATABASE_AS_OWNER", False)
    )
}
# Whoever migrates grants this role its rights.
APPLICATION_ROLE = environment.database(env, CLUSTER, as_owner=False)["USER"]

# --- the API

API_BODY_MAX = environment.number(env, "API_BODY_MAX", 1024 * 1024, least=1)
API_BULK_BODY_MAX = environment.number(env, "API_BULK_BODY_MAX", 32 * 1024 * 1024, least=1)
# Of a file of people; it is kept on disk while it is answered.
API_FILE_MAX = environment.number(env, "API_FILE_MAX", 1024**3, least=1, most=2**63 - 1)
# Django refuses above this whatever the door; each door of the API enforces its own, lower one.
DATA_UPLOAD_MAX_MEMORY_SIZE = max(API_BODY_MAX, API_BULK_BODY_MAX)
API_THROTTLE_RATE = environment.rate(env, "API_THROTTLE_RATE")
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    # A view that forgets to say whom it lets in lets nobody in.
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "EXCEPTION_HANDLER": "consents.api.errors.answer",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Optbook",
    "DESCRIPTION": (
        "The book of record for messaging consent.\n\n"
        "An API key has scopes: `record` writes events and inbound messages and makes links to "
        "preferences, `check` asks the gate and claims confirmations, `read` reads, `manage` makes "
        "and changes contacts and subscribers and sends to providers again. It sees and touches "
        "nothing of senders that it does not have.\n\n"
        "Every write takes an `Idempotency-Key` and is then carried out once. Lists come newest "
        "first; follow `next` for what is older, `previous` for what is new. Errors have one "
        "shape with a stable `code`; a fault of Optbook itself is 500 `internal_error`."
    ),
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "DEFAULT_GENERATOR_CLASS": "consents.api.openapi.Generator",
    "POSTPROCESSING_HOOKS": ["consents.api.openapi.tidy"],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,  # the words say themselves
    "COMPONENT_SPLIT_PATCH": False,  # what changes something is a shape of its own
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SORT_OPERATIONS": False,  # in the order of the addresses, which goes by subject
    "TAGS": [
        {
            "name": "consent-events",
            "description": "What people said: the ledger.",
        },
        {"name": "permission", "description": "The gate: may this be sent to this person now?"},
        {"name": "inbound-messages", "description": "What people write, where nobody else tells."},
        {"name": "contacts", "description": "People, as a sender knows them."},
        {"name": "notices", "description": "The wording that people are shown."},
        {
            "name": "provider-syncs",
            "description": "What providers are owed, and what came of it.",
        },
        {"name": "webhook-endpoints", "description": "Who wants to be told."},
        {"name": "webhook-deliveries", "description": "What they were told."},
    ],
    "SWAGGER_UI_SETTINGS": {
        "deepLinking": True,
        "defaultModelsExpandDepth": 0,
        "displayRequestDuration": True,
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# --- seals over the ledger

LEDGER_TRUSTED_KEYS = environment.public_keys(env, "LEDGER_TRUSTED_KEYS")
LEDGER_SEAL_MINUTES = environment.number(env, "LEDGER_SEAL_MINUTES", 10)
LEDGER_ANCHOR_FILE = environment.text(env, "LEDGER_ANCHOR_FILE")

# --- importing

# Of a file handed in at the desk; it is kept in the database until it is done with.
IMPORT_FILE_MAX = environment.number(
    env, "IMPORT_FILE_MAX", 100 * 1024 * 1024, least=1, most=2**63 - 1
)

# --- files that staff keep with a line as its evidence

EVIDENCE_FILE_MAX = environment.number(
    env, "EVIDENCE_FILE_MAX", 10 * 1024 * 1024, least=1, most=100 * 1024 * 1024
)
FILE_UPLOAD_HANDLERS = ["consents.admin.uploads.BoundedUpload"]

# --- what staff have to decide

EXPIRY_WARNING_DAYS = environment.number(env, "EXPIRY_WARNING_DAYS", 30, least=0, most=3650)
REVIEW_DAYS = environment.number(env, "REVIEW_DAYS", 10, least=1, most=365)
REVIEW_COUNTRY = environment.country(env, "REVIEW_COUNTRY", "US")

# --- subscribers

WEBHOOKS_ALLOW_HTTP = environment.flag(env, "WEBHOOKS_ALLOW_HTTP", False)
WEBHOOKS_ALLOW_PRIVATE = environment.flag(env, "WEBHOOKS_ALLOW_PRIVATE", False)

# --- the pages on which people see and change their own preferences

PREFERENCE_LINK_DAYS = environment.number(env, "PREFERENCE_LINK_DAYS", 30, least=1, most=3650)
PREFERENCE_RATE_PER_ADDRESS = environment.rate(env, "PREFERENCE_RATE_PER_ADDRESS", "300/min")
PREFERENCE_RATE_PER_LINK = environment.rate(env, "PREFERENCE_RATE_PER_LINK", "60/min")
TRUSTED_PROXIES = environment.number(env, "TRUSTED_PROXIES", 0, most=10)

# --- who may come in, and what a browser may do

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SECURE_SSL_REDIRECT = environment.flag(env, "SECURE_SSL_REDIRECT", PRODUCTION)
SECURE_HSTS_SECONDS = environment.number(
    env, "SECURE_HSTS_SECONDS", 365 * 24 * 3600 if PRODUCTION else 0
)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if environment.flag(env, "BEHIND_PROXY", False) else None
)
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}

# --- static files: found where they lie while developing, collected and compressed in production

STATIC_URL = "static/"
STATIC_ROOT = HOME / "static"
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = not PRODUCTION
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
MEDIA_ROOT = HOME / "media"

# --- logs: no bodies, no local variables, no numbers of people

DEFAULT_EXCEPTION_REPORTER_FILTER = "config.log_lines.NoVariables"
LOGGING_CONFIG = "logging.config.dictConfig"
LOGGING = logging_settings(
    style=environment.one_of(
        env, "LOG_FORMAT", ("json", "plain"), "json" if PRODUCTION else "plain"
    ),
    level=environment.one_of(env, "LOG_LEVEL", environment.LOG_LEVELS, "INFO"),
)

# Its address is asked for later: in production the name of the file holds its digest.
FAVICON = lazy(static, str)("favicon.svg")
UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Optbook",
    "SITE_HEADER": "Optbook",
    "SITE_SYMBOL": "verified_user",
    "SITE_URL": None,
    "DASHBOARD_CALLBACK": "consents.admin.home.shown",
    "SIDEBAR": {"navigation": "config.navigation.sections", "show_search": False},
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda _: FAVICON}],
}
