#!/usr/bin/env bash
# Tests on other Pythons that Lambda has and that are at hand: an environment for each in .build/pythons.
#
#   .ci/pythons.sh [pytest's options]   all tests that need no local AWS and no browser, on every one from 3.11 to 3.14;
#                                       fails if fewer than two were found
#   .ci/pythons.sh --another            for CI: on one more than .venv has, the newest but 3.14; only the pure parts, what
#                                       people and Discord get to see, and the packaged zip under AWS's runtime client.
#                                       Where there is no other, it says so and is content.
set -euo pipefail
cd "$(dirname "$0")/.."
PARTS=(tests/discord tests/store tests/linking tests/web tests/test_*.py tests/deploy/test_runtimes.py tests/local/aws/test_runtime.py)

at_hand() { # the Python of a version, if it can make environments
    local one
    for one in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python; do
        if "$one" -c 'import ensurepip, venv' 2>/dev/null; then echo "$one"; return; fi
    done
}

environment() { # of a version, made by its Python: all that the tests need
    local home=.build/pythons/$1
    if ! cmp -s requirements-dev.txt "$home/installed" || ! cmp -s requirements.txt "$home/shipped"; then
        "$2" -m venv --clear "$home"
        "$home/bin/python" -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
        cp requirements-dev.txt "$home/installed" && cp requirements.txt "$home/shipped"
    fi
}

tests() { # of a version; the rest goes to pytest
    local version=$1
    shift
    echo "Python $version:"
    ".build/pythons/$version/bin/python" -m pytest -q -m "not slow and not stack and not browser" -p no:cacheprovider "$@"
}

if [ "${1:-}" = --another ]; then
    own=$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    for version in 3.13 3.12 3.11 3.14; do
        python=$(at_hand "$version")
        if [ "$version" = "$own" ] || [ -z "$python" ]; then continue; fi
        environment "$version" "$python"
        tests "$version" -n 2 "${PARTS[@]}"
        exit
    done
    echo "No other Python than $own is at hand: tested on that one only"
    exit
fi

found=0
for version in 3.11 3.12 3.13 3.14; do
    python=$(at_hand "$version")
    if [ -z "$python" ]; then echo "Python $version: not at hand"; continue; fi
    environment "$version" "$python"
    tests "$version" "$@"
    found=$((found + 1))
done
[ "$found" -ge 2 ] || { echo "Only $found found; at least two are wanted"; exit 1; }
