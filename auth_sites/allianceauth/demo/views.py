"""What EVE Online's servers do elsewhere: who somebody is, and what they look like."""

from django.http import HttpRequest, HttpResponse, JsonResponse

from .people import WORLD

SIZE = "128"  # pixels, where the address says nothing


def people() -> list[dict[str, str]]:
    """Who can log in, for the login page."""
    return [{**said, "password": WORLD["password"]} for said in WORLD["users"]]


def image(request: HttpRequest, kind: str, number: int, variant: str) -> HttpResponse:  # noqa: ARG001 - the address
    """A portrait or a logo: a colour of its own for each."""
    hue = number * 47 % 360
    size = request.GET.get("size", SIZE)
    size = size if size.isdecimal() else SIZE
    shape = (
        '<circle cx="64" cy="50" r="24"/><path d="M16 128a48 44 0 0 1 96 0z"/>'
        if kind == "characters"
        else '<path d="M64 16l48 28v44l-48 28-48-28V44z"/>'
    )
    picture = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 128 128" width="{size}" height="{size}">'
        f'<rect width="128" height="128" fill="hsl({hue} 30% 24%)"/><g fill="hsl({hue} 45% 62%)">{shape}</g></svg>'
    )
    return HttpResponse(picture, content_type="image/svg+xml")


def esi_check(_request: HttpRequest) -> JsonResponse:
    """EVE is well: what the dashboard's notice to administrators asks for."""
    return JsonResponse({"status": 200, "data": None})
