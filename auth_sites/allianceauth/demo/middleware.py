"""Pages that need no internet: what Alliance Auth loads from elsewhere comes from this machine."""

import json
import re
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from .assets import CDN, DIFFERING

EVE_IMAGES = "https://images.evetech.net/"
HERE = "/static/cdn/"
PORTRAITS = "/demo/images/"


class WithoutInternet:
    """Rewrites the addresses of the CDN and of EVE's image server in pages."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response
        differing = json.loads((Path(settings.CDN_FOLDER) / DIFFERING).read_text())
        names = "|".join(re.escape(name) for name in differing)
        self._unlike = re.compile(rf"""(["']){re.escape(HERE)}(?:{names})\1[^>]*?(\s+integrity=(["'])[^"']*\3)""")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The page, with addresses of this machine."""
        response = self._get_response(request)
        if response.headers.get("Content-Type", "").startswith("text/html") and not response.streaming:
            response.content = self.rewritten(response.content.decode()).encode()
            if response.has_header("Content-Length"):
                response.headers["Content-Length"] = str(len(response.content))
        return response

    def rewritten(self, text: str) -> str:
        """The text of a page; a file that is not the CDN's own goes without the digest of that."""
        text = text.replace(CDN, HERE).replace(EVE_IMAGES, PORTRAITS)
        return self._unlike.sub(lambda found: found[0].replace(found[2], ""), text)
