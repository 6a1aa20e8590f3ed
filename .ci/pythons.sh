#!/usr/bin/env bash
# The tests that need no local AWS and no browser, on every Python that Lambda has and that is at hand: an environment
# for each in .build/pythons. Fails if fewer than two were found.
set -euo pipefail
cd "$(dirname "$0")/.."
found=0
for version in 3.11 3.12 3.13 3.14; do
    python=""
    for one in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version".*/bin/python; do
        if "$one" -c 'import ensurepip, venv' 2>/dev/null; then python=$one; break; fi
    done
    if [ -z "$python" ]; then echo "Python $version: not at hand"; continue; fi
    home=.build/pythons/$version
    if ! cmp -s requirements-dev.txt "$home/installed" || ! cmp -s requirements.txt "$home/shipped"; then
        "$python" -m venv --clear "$home"
        "$home/bin/python" -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
        cp requirements-dev.txt "$home/installed" && cp requirements.txt "$home/shipped"
    fi
    echo "Python $version:"
    "$home/bin/python" -m pytest -q -m "not slow and not stack and not browser" -p no:cacheprovider "$@"
    found=$((found + 1))
done
[ "$found" -ge 2 ] || { echo "Only $found found; at least two are wanted"; exit 1; }
