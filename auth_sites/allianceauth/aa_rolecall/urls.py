"""Addresses, below `rolecall/`; those of a further server below its key."""

from django.urls import path

from . import views

app_name = "aa_rolecall"

VIEWS = {
    "activate": views.activate,
    "reset": views.activate,
    "deactivate": views.deactivate,
    "returned": views.returned,
    "add_bot": views.add_bot,
    "my_discord": views.my_discord,
}

urlpatterns = [path(f"{name}/", view, name=name) for name, view in VIEWS.items()]
urlpatterns += [path(f"<slug:key>/{name}/", view, name=name) for name, view in VIEWS.items()]
