// The official JavaScript SDK, unchanged, against the simulator: each line printed is a step that worked.
const assert = require('node:assert');
const platform = require('purecloud-platform-client-v2');

const base = new URL(process.argv[2]);
const client = platform.ApiClient.instance;
client.config.basePath = base.origin;
client.config.gateway = { protocol: 'http', host: base.hostname, port: Number(base.port) };
const tokens = new platform.TokensApi();

const refused = async (call, status) => {
  await assert.rejects(call, (error) => error.status === status);
};

(async () => {
  client.setAccessToken('b-token');
  assert.ok((await tokens.getTokensMe({ preserveIdleTTL: true })).dateTokenIdles);
  console.log('ok getTokensMe');
  await tokens.headTokensMe();
  console.log('ok headTokensMe');
  const timeout = await tokens.getTokensTimeout();
  timeout.idleTokenTimeoutSeconds = 1200;
  assert.equal((await tokens.putTokensTimeout({ body: timeout })).idleTokenTimeoutSeconds, 1200);
  console.log('ok putTokensTimeout');
  await refused(tokens.putTokensTimeout({ body: { idleTokenTimeoutSeconds: 299 } }), 400);
  console.log('ok putTokensTimeout is refused');
  assert.ok((await client.loginClientCredentialsGrant('id', 'secret')).accessToken);
  console.log('ok client credentials');
  client.setAccessToken('b-token');
  await tokens.deleteTokensMe();
  await refused(tokens.getTokensMe(), 401);
  console.log('ok deleteTokensMe');
})();
