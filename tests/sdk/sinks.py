"""The official Python SDK and other readers with what the sinks hold, through two replacements of the token.

Usage: sinks.py BASE FOLDER   (run by `session-keepalive exec`, whose sinks are FOLDER/bare, env, json and gc-profile)
"""

import json
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import PureCloudPlatformClientV2 as platform

BASE, FOLDER = sys.argv[1], Path(sys.argv[2])
LIMIT = 60  # Seconds after which something that was awaited counts as missing.


def of_env(path):
    """As a shell or a service with this EnvironmentFile= reads it."""
    script = '. "$1" && printf %s "$GENESYSCLOUD_ACCESS_TOKEN"'
    return subprocess.run(["sh", "-c", script, "sh", path], check=True, capture_output=True, text=True).stdout


def of_profile(path):
    """As the official command line reads a profile: names match without case, and the token wins over the client."""
    profile = {name.lower(): table for name, table in tomllib.loads(path.read_text()).items()}["default"]
    return profile["access_token"]


READERS = {
    "bare": lambda path: path.read_text().strip(),
    "env": of_env,
    "json": lambda path: json.loads(path.read_text())["access_token"],
    "gc-profile": of_profile,
}


def use(name, token):
    platform.configuration.host = BASE
    client = platform.api_client.ApiClient()
    client.access_token = token
    me = platform.TokensApi(client).get_tokens_me(preserve_idle_ttl=True)
    assert me.o_auth_client.id == "kiosk", name


earlier = None
for turn in ("first", "second", "third"):
    until = time.monotonic() + LIMIT
    tokens = {}
    # The sinks are written one after the other.
    while set(tokens) != set(READERS) or len(set(tokens.values())) > 1 or earlier in tokens.values():
        if time.monotonic() > until:
            sys.exit(f"the {turn} token is not in every sink")
        time.sleep(0.05)
        tokens = {name: read(FOLDER / name) for name, read in READERS.items() if FOLDER.joinpath(name).exists()}
    for name, token in tokens.items():
        use(name, token)
    earlier = tokens["bare"]
    print(f"ok the SDK works with the {turn} token of every sink: {', '.join(tokens)}")
assert set(json.loads(FOLDER.joinpath("json").read_text())) >= {"access_token", "token_type", "expires_at", "api", "generation"}
