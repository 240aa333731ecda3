// Lets the tests in interop/ use oidc-provider as authorization servers: a JSON object a line on standard input, one a line on standard output.
// The first argument is the folder with `node_modules`. It needs Node 20. The servers listen on loopback, over TLS, as long as standard input is open.

import { createPublicKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, request as send } from "node:https";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

// Standard output is for answers.
console.info = console.warn = console.log = () => {};

const folder = process.argv[2];
const library = join(folder, "node_modules", "oidc-provider");
const { Provider, errors } = await import(pathToFileURL(join(library, "lib", "index.js")));

/** The servers, by their issuers, and the certificate of who vouches for them. */
const servers = new Map();
let ca;

/** Which resources there are, and in which form their tokens are. */
const RESOURCES = {
  "https://tools.example/v1": "jwt",
  "https://opaque.example": "opaque",
};

const SCOPE = "trips:read trips:book";

/** Whoever polls more often is told so: that is left to the host. The client's clock is put forward, so that nobody waits. */
const INTERVAL = 60_000;

/** Both servers call theirs the same. */
function signingKey() {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { ...privateKey.export({ format: "jwk" }), kid: "as-1", alg: "ES256", use: "sig" };
}

function configuration(path, { attester, clients }) {
  return {
    clients,
    jwks: { keys: [signingKey()] },
    cookies: { keys: [randomBytes(32).toString("hex")] },
    clientAuthMethods: ["attest_jwt_client_auth", "private_key_jwt"],
    clientDefaults: {
      id_token_signed_response_alg: "ES256",
      introspection_signed_response_alg: "ES256",
      token_endpoint_auth_method: "private_key_jwt",
    },
    pkce: { required: () => true },
    responseTypes: ["code"],
    rotateRefreshToken: true,
    issueRefreshToken: (_, client) => client.grantTypeAllowed("refresh_token"),
    expiresWithSession: () => false,
    interactions: { url: (_, interaction) => `${path}/interaction/${interaction.uid}` },
    findAccount: (_, sub) => (sub === "nobody" ? undefined : { accountId: sub, claims: () => ({ sub }) }),
    features: {
      attestClientAuth: {
        enabled: true,
        ack: "draft-12",
        challengeSecret: randomBytes(32),
        getAttestationSignaturePublicKey: () => createPublicKey({ key: attester, format: "jwk" }),
      },
      ciba: {
        enabled: true,
        processLoginHint: (_, hint) => hint,
        triggerAuthenticationDevice: () => {},
        validateRequestContext: () => {},
        verifyUserCode: () => {},
      },
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
      introspection: { enabled: true },
      jwtIntrospection: { enabled: true },
      pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => {
          if (!(resource in RESOURCES)) throw new errors.InvalidTarget();
          return { scope: SCOPE, audience: resource, accessTokenTTL: 300, accessTokenFormat: RESOURCES[resource] };
        },
      },
      revocation: { enabled: true },
      richAuthorizationRequests: {
        enabled: true,
        types: { trip: { validate: () => {} } },
        authorizationDetailsForGrantSource: (ctx) => ctx.oidc.grant.rar,
        authorizationDetailsForAccessToken: (_, token, source) => source?.rar,
        authorizationDetailsForIntrospection: (_, token) => token.rar,
      },
      userinfo: { enabled: false },
    },
  };
}

/** What the user says, whose browser says who it is. */
async function interact(provider, request, response) {
  const { params, prompt, session } = await provider.interactionDetails(request, response);
  const finish = (result) => provider.interactionFinished(request, response, result);
  if (request.headers["x-says"] === "no") return finish({ error: "access_denied" });
  if (prompt.name === "login") return finish({ login: { accountId: request.headers["x-user"], amr: ["pwd"] } });

  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  const { missingOIDCScope, missingResourceScopes, rar } = prompt.details;
  if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(" "));
  for (const [resource, scopes] of Object.entries(missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(" "));
  }
  for (const detail of rar ?? []) grant.addRar(detail);
  return finish({ consent: { grantId: await grant.save() } });
}

function slowDown(provider) {
  const polled = new Map();
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.body?.error !== "authorization_pending") return;
    const id = ctx.oidc.params.auth_req_id;
    if (Date.now() - polled.get(id) < INTERVAL) ctx.body = { error: new errors.SlowDown().error };
    polled.set(id, Date.now());
  });
}

async function listen(path, question) {
  const server = createServer({ cert: question.certificate, key: question.key });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `https://127.0.0.1:${server.address().port}${path}`;
  const provider = new Provider(issuer, configuration(path, question));
  provider.on("server_error", (_, error) => console.error(error));
  slowDown(provider);
  const answer = provider.callback();
  server.on("request", (request, response) => {
    // As frameworks do that have it below a path.
    request.originalUrl = request.url;
    if (!request.url.startsWith(`${path}/`)) return response.writeHead(404).end();
    request.url = request.url.slice(path.length);
    if (!request.url.startsWith("/interaction/")) return answer(request, response);
    return interact(provider, request, response).catch((error) => response.writeHead(500).end(`${error}`));
  });
  servers.set(issuer, provider);
  return issuer;
}

/** One page, as a browser asks for it that has these cookies. */
function page(url, cookies, question) {
  const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  const headers = { cookie, "x-user": question.user, "x-says": question.says };
  return new Promise((resolve, reject) => {
    const asked = send(url, { ca, headers }, async (response) => {
      let body = "";
      for await (const chunk of response) body += chunk;
      resolve({ status: response.statusCode, headers: response.headers, body });
    });
    asked.on("error", reject).end();
  });
}

const TASKS = {
  /** The user's browser is sent to `url`, and led on until it leaves the servers. */
  async browse(question) {
    const cookies = new Map();
    const origins = [...servers.keys()].map((issuer) => new URL(issuer).origin);
    let url = new URL(question.url);
    while (origins.includes(url.origin)) {
      const { status, headers, body } = await page(url, cookies, question);
      for (const line of headers["set-cookie"] ?? []) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
        if (value) cookies.set(name, value);
        else cookies.delete(name);
      }
      if (!headers.location) throw new Error(`${status} ${body.replace(/<style>.*<\/style>/s, "")}`);
      url = new URL(headers.location, url);
    }
    return url.href;
  },

  /** What the user says who is asked elsewhere. */
  async decide({ issuer, id, says }) {
    const provider = servers.get(issuer);
    const request = await provider.BackchannelAuthenticationRequest.find(id);
    if (says === "no") return provider.backchannelResult(request, new errors.AccessDenied());
    const grant = new provider.Grant({ accountId: request.accountId, clientId: request.clientId });
    grant.addOIDCScope(request.scope);
    for (const resource of [request.resource ?? []].flat()) grant.addResourceScope(resource, request.scope);
    const rar = JSON.parse(request.params.authorization_details ?? "null") ?? undefined;
    return provider.backchannelResult(request, await grant.save(), { rar });
  },

  /** Two servers, the second below a path: their issuers. */
  async start(question) {
    ca = question.ca;
    return [await listen("", question), await listen("/tenant", question)];
  },

  async version() {
    return JSON.parse(readFileSync(join(library, "package.json"), "utf8")).version;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line);
  let answer;
  try {
    answer = { ok: (await TASKS[question.task](question)) ?? null };
  } catch (error) {
    answer = { error: `${error.code ?? error.name}: ${error.message}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
// Servers would keep it alive.
process.exit();
