"""Where the pages for people are. Their addresses are in messages that were sent: they stay."""

from __future__ import annotations

from django.urls import path

from consents.pages.confirming import ConfirmPage
from consents.pages.preferences import PreferencePage
from consents.pages.unsubscribing import UnsubscribePage

urlpatterns = [
    path("preferences/<str:token>/", PreferencePage.as_view(), name="preferences"),
    path("confirm/<str:token>/", ConfirmPage.as_view(), name="confirm"),
    path("unsubscribe/<str:token>/", UnsubscribePage.as_view(), name="unsubscribe"),
    # A redirect to the address with a slash would lose what a mail program posts.
    path("unsubscribe/<str:token>", UnsubscribePage.as_view()),
]
