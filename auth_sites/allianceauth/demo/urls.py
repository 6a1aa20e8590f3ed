"""Alliance Auth's addresses, a login by password, and pictures of characters."""

from allianceauth.project_template.project_name.urls import handler400, handler403, handler404, handler500, urlpatterns
from django.contrib.auth.views import LoginView
from django.urls import path

from . import driver, views

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

urlpatterns = [
    path(
        "demo/login/",
        LoginView.as_view(template_name="demo/login.html", extra_context={"people": views.people()}),
        name="demo_login",
    ),
    path("demo/images/<str:kind>/<int:number>/<str:variant>", views.image),
    path("demo/driver/", driver.drive),
    path("esi-check/", views.esi_check),  # before Alliance Auth's own, which asks EVE
    *urlpatterns,
]
