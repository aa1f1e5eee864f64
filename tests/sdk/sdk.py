"""The official Python SDK, unchanged, against the simulator: each line printed is a step that worked."""

import sys

import PureCloudPlatformClientV2 as platform
from PureCloudPlatformClientV2.rest import ApiException

platform.configuration.host = sys.argv[1]
client = platform.api_client.ApiClient()
client.access_token = "a-token"
tokens = platform.TokensApi(client)

me = tokens.get_tokens_me(preserve_idle_ttl=True)
assert me.organization.name and me.o_auth_client.name
print("ok get_tokens_me")
tokens.head_tokens_me()
print("ok head_tokens_me")
timeout = tokens.get_tokens_timeout()
assert timeout.idle_token_timeout_seconds == 600
print("ok get_tokens_timeout")
timeout.idle_token_timeout_seconds = 900
assert tokens.put_tokens_timeout(body=timeout).idle_token_timeout_seconds == 900
print("ok put_tokens_timeout")
# Past the check that the SDK makes itself.
timeout._idle_token_timeout_seconds = 299
try:
    tokens.put_tokens_timeout(body=timeout)
    sys.exit("299 s were accepted")
except ApiException as error:
    assert error.status == 400 and "token.timeout.exceeded" in error.body
print("ok put_tokens_timeout is refused")
minted = platform.api_client.ApiClient().get_client_credentials_token("id", "secret")
assert minted.access_token
print("ok client credentials")
tokens.delete_tokens_me()
try:
    tokens.get_tokens_me()
    sys.exit("a revoked token was accepted")
except ApiException as error:
    assert error.status == 401 and "bad.credentials" in error.body
print("ok delete_tokens_me")
