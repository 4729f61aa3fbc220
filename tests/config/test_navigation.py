"""The sidebar leads to every page of the admin that its reader may see."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from config import navigation

pytestmark = pytest.mark.django_db


def titles(user: User) -> list[str]:
    client = Client()
    client.force_login(user)
    groups = client.get(reverse("admin:index")).context["sidebar_navigation"]
    return [item["title"] for group in groups for item in group["items"]]


def test_it_leads_to_every_list_that_there_is():
    assert navigation.models() == {model._meta.label_lower for model in admin.site._registry}


def test_who_may_do_everything_sees_everything():
    assert len(titles(User.objects.create_superuser("boss"))) == 1 + len(navigation.models())


def test_a_viewer_sees_no_page_of_staff():
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.groups.set([Group.objects.get(name="Viewer")])
    seen = titles(viewer)
    assert "Contacts" in seen
    assert not {"Staff", "Groups", "Staff actions"} & set(seen)


def test_who_may_nothing_sees_the_home_page_alone():
    assert titles(User.objects.create_user("new", is_staff=True)) == ["Home"]
