"""The scripts, styles and fonts that Alliance Auth's pages load from a CDN, from npm packages instead.

`package.json` pins the packages and their lock file their digests. Where a file is the very one of the CDN, the digest
in Alliance Auth's own template says so to the browser (subresource integrity); the CDN minifies some by itself, and
themes ask for their fonts elsewhere: those are listed in `differing.json`, and go without a digest.
"""

import base64
import hashlib
import json
import re
import shutil
import sys
from pathlib import Path

CDN = "https://cdnjs.cloudflare.com/ajax/libs/"
CDN_FILE = re.compile(rf"{re.escape(CDN)}([\w./-]+)")
INTEGRITY = re.compile(r"sha512-[A-Za-z0-9+/=]+")
MAX_DISTANCE = 200  # characters between an address and its digest, in Alliance Auth's templates and themes
DIFFERING = "differing.json"

FILES = {
    "bootstrap/5.3.3/css/bootstrap.min.css": "bootstrap/dist/css/bootstrap.min.css",
    "bootstrap/5.3.3/js/bootstrap.min.js": "bootstrap/dist/js/bootstrap.min.js",
    "bootstrap/5.3.3/js/bootstrap.bundle.min.js": "bootstrap/dist/js/bootstrap.bundle.min.js",
    "bootswatch/5.3.3/darkly/bootstrap.min.css": "bootswatch/dist/darkly/bootstrap.min.css",
    "bootswatch/5.3.3/flatly/bootstrap.min.css": "bootswatch/dist/flatly/bootstrap.min.css",
    "bootswatch/5.3.3/materia/bootstrap.min.css": "bootswatch/dist/materia/bootstrap.min.css",
    "Chart.js/4.4.1/chart.umd.min.js": "chart.js/dist/chart.umd.js",
    "clipboard.js/2.0.11/clipboard.min.js": "clipboard/dist/clipboard.min.js",
    "datatables.net-bs5/1.13.7/dataTables.bootstrap5.min.css": "datatables.net-bs5/css/dataTables.bootstrap5.min.css",
    "datatables.net-bs5/1.13.7/dataTables.bootstrap5.min.js": "datatables.net-bs5/js/dataTables.bootstrap5.min.js",
    "datatables.net/1.13.7/jquery.dataTables.min.js": "datatables.net/js/jquery.dataTables.min.js",
    "font-awesome/6.6.0/css/all.min.css": "@fortawesome/fontawesome-free/css/all.min.css",
    "jquery-datetimepicker/2.5.20/jquery.datetimepicker.full.min.js": (
        "jquery-datetimepicker/build/jquery.datetimepicker.full.min.js"
    ),
    "jquery-datetimepicker/2.5.20/jquery.datetimepicker.min.css": (
        "jquery-datetimepicker/build/jquery.datetimepicker.min.css"
    ),
    "jquery-visibility/1.0.11/jquery-visibility.min.js": "jquery-visibility/jquery-visibility.min.js",
    "jquery/3.7.1/jquery.min.js": "jquery/dist/jquery.min.js",
    "moment.js/2.30.1/moment.min.js": "moment/min/moment.min.js",
    "popper.js/2.11.8/umd/popper.min.js": "@popperjs/core/dist/umd/popper.min.js",
}
FOLDERS = {"font-awesome/6.6.0/webfonts": "@fortawesome/fontawesome-free/webfonts"}
FONTS = {
    "lato": ("400", "400-italic", "700"),
    "roboto": ("300", "400", "500", "700"),
}
"""The fonts of the themes: family and variants, as the themes ask for them."""
FONT_IMPORT = re.compile(r"@import url\(https://fonts\.googleapis\.com/css2\?family=(\w+)[^)]*\)")


def assemble(packages: Path, folder: Path, pages: Path) -> None:
    """Lay out the files of `packages` (a node_modules) in `folder` as the CDN does, for what `pages` asks for.

    Raises:
        SystemExit: a page asks the CDN for a file that is not in the list above.
    """
    wanted = digests(pages)
    if unknown := sorted(wanted.keys() - FILES.keys()):
        sys.exit(f"Alliance Auth asks the CDN for what demo/assets.py does not list: {', '.join(unknown)}")
    shutil.rmtree(folder, ignore_errors=True)
    for name, source in FILES.items():
        put(folder / name, themed((packages / source).read_bytes()))
    for name, source in FOLDERS.items():
        shutil.copytree(packages / source, folder / name)
    for family, variants in FONTS.items():
        put_font(packages / "@fontsource" / family, folder / "fonts", variants)
    differing = [name for name, digest in wanted.items() if digest != digest_of((folder / name).read_bytes())]
    (folder / DIFFERING).write_text(json.dumps(sorted(differing), indent=1))


def digests(pages: Path) -> dict[str, str]:
    """The files that Alliance Auth asks the CDN for, with the digest that it expects of each."""
    found = {}
    for page in [*pages.rglob("*.html"), *pages.rglob("auth_hooks.py")]:
        text = page.read_text()
        for asked in CDN_FILE.finditer(text):
            digest = INTEGRITY.search(text, asked.end(), asked.end() + MAX_DISTANCE)
            found[asked[1]] = digest[0] if digest else ""
    return found


def digest_of(content: bytes) -> str:
    """As a browser compares it: https://www.w3.org/TR/SRI/"""
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()


def themed(content: bytes) -> bytes:
    """A theme that takes its fonts from beside it; anything else as it is."""
    if b"fonts.googleapis.com" not in content:
        return content
    return FONT_IMPORT.sub(
        lambda found: f"@import url(../../../fonts/{found[1].lower()}.css)", content.decode()
    ).encode()


def put_font(package: Path, folder: Path, variants: tuple[str, ...]) -> None:
    """One style sheet for these variants of a font, with the files that it names."""
    sheets = [
        (package / f"{subset}-{variant}.css").read_text() for variant in variants for subset in ("latin", "latin-ext")
    ]
    text = "\n".join(sheets).replace("./files/", f"./{package.name}/")
    put(folder / f"{package.name}.css", text.encode())
    for name in re.findall(rf"\./{package.name}/([\w.-]+)", text):
        put(folder / package.name / name, (package / "files" / name).read_bytes())


def put(path: Path, content: bytes) -> None:
    """Write a file, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


if __name__ == "__main__":
    import allianceauth

    assemble(Path(sys.argv[1]), Path(sys.argv[2]), Path(allianceauth.__file__).parent)
