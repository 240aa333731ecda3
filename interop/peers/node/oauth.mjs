// Lets the tests in interop/ use oauth4webapi: a JSON object a line on standard input, one a line on standard output.
// The first argument is the folder with `node_modules`. It needs Node 20. Nothing is sent anywhere: a request is what is answered, and responses come with the question.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const folder = process.argv[2];
const library = join(folder, "node_modules", "oauth4webapi");
const oauth = await import(pathToFileURL(join(library, "build", "index.js")));

/** Key pairs, by the names that the tests give them. */
const keys = new Map();

/** Whoever keeps the nonces that a server gave, by the names of their keys. */
const provers = new Map();

const response = (given) => new Response(given.body ?? null, { status: given.status, headers: given.headers });

function prover(question) {
  if (!question.dpop) return undefined;
  if (!provers.has(question.dpop)) {
    provers.set(question.dpop, oauth.DPoP(question.client, keys.get(question.dpop)));
  }
  return provers.get(question.dpop);
}

function authentication(question) {
  if (!question.key) return oauth.None();
  const modify = (header, payload) => Object.assign(payload, question.claims);
  const { privateKey } = keys.get(question.key);
  return oauth.PrivateKeyJwt({ key: privateKey, kid: question.kid }, { [oauth.modifyAssertion]: modify });
}

/** Which function makes which request. */
const REQUESTS = {
  client_credentials: (q, by, options) =>
    oauth.clientCredentialsGrantRequest(q.server, q.client, by, q.parameters, options),
  code: (q, by, options) => {
    const answer = oauth.validateAuthResponse(q.server, q.client, new URL(q.location), q.state);
    return oauth.authorizationCodeGrantRequest(q.server, q.client, by, answer, q.redirect_uri, q.verifier, options);
  },
  backchannel: (q, by, options) =>
    oauth.backchannelAuthenticationGrantRequest(q.server, q.client, by, q.auth_req_id, options),
  ciba: (q, by, options) => oauth.backchannelAuthenticationRequest(q.server, q.client, by, q.parameters, options),
  discovery: (q, by, options) => oauth.discoveryRequest(new URL(q.issuer), { algorithm: q.algorithm, ...options }),
  generic: (q, by, options) =>
    oauth.genericTokenEndpointRequest(q.server, q.client, by, q.grant_type, q.parameters, options),
  introspection: (q, by, options) => oauth.introspectionRequest(q.server, q.client, by, q.token, options),
  pushed: (q, by, options) => oauth.pushedAuthorizationRequest(q.server, q.client, by, q.parameters, options),
  refresh: (q, by, options) => oauth.refreshTokenGrantRequest(q.server, q.client, by, q.token, options),
  registration: (q, by, options) => oauth.dynamicClientRegistrationRequest(q.server, q.metadata, options),
  resource: (q, by, options) =>
    oauth.protectedResourceRequest(q.token, q.method, new URL(q.url), undefined, undefined, options),
  resource_discovery: (q, by, options) => oauth.resourceDiscoveryRequest(new URL(q.resource), options),
  revocation: (q, by, options) =>
    oauth.revocationRequest(q.server, q.client, by, q.token, { additionalParameters: q.parameters, ...options }),
};

/** Which function reads which response. */
const RESPONSES = {
  ciba: (q, answer) => oauth.processBackchannelAuthenticationResponse(q.server, q.client, answer),
  code: (q, answer) => oauth.processAuthorizationCodeResponse(q.server, q.client, answer),
  discovery: (q, answer) => oauth.processDiscoveryResponse(new URL(q.issuer), answer),
  generic: (q, answer) =>
    oauth.processGenericTokenEndpointResponse(q.server, q.client, answer, { recognizedTokenTypes: { n_a: () => {} } }),
  introspection: (q, answer) => oauth.processIntrospectionResponse(q.server, q.client, answer),
  pushed: (q, answer) => oauth.processPushedAuthorizationResponse(q.server, q.client, answer),
  registration: (q, answer) => oauth.processDynamicClientRegistrationResponse(answer),
  resource_discovery: (q, answer) => oauth.processResourceDiscoveryResponse(new URL(q.resource), answer),
  revocation: async (q, answer) => (await oauth.processRevocationResponse(answer)) ?? null,
};

const TASKS = {
  /** The public key of a new pair. */
  async key(question) {
    const pair = await oauth.generateKeyPair(question.algorithm, { extractable: true });
    keys.set(question.name, pair);
    return crypto.subtle.exportKey("jwk", pair.publicKey);
  },

  async thumbprint(question) {
    return prover(question).calculateThumbprint();
  },

  async challenge(question) {
    const verifier = question.verifier ?? oauth.generateRandomCodeVerifier();
    return { verifier, challenge: await oauth.calculatePKCECodeChallenge(verifier) };
  },

  /** A signed authorization request. */
  async request_object(question) {
    const modify = (header, payload) => Object.assign(header, question.header) && Object.assign(payload, question.claims);
    const key = { key: keys.get(question.key).privateKey, kid: question.key };
    const options = { [oauth.modifyAssertion]: modify };
    return oauth.issueRequestObject(question.server, question.client, question.parameters, key, options);
  },

  /** What a client reads in the ID Token of a response, whose signature it checks, too. */
  async id_token(question) {
    const { server, client, nonce: expectedNonce, max_age: maxAge } = question;
    const answer = response(question.answer);
    const options = { expectedNonce, maxAge, requireIdToken: true };
    const read = await oauth.processAuthorizationCodeResponse(server, client, answer, options);
    const fetch = async () => Response.json(question.keys);
    await oauth.validateApplicationLevelSignature(server, answer, { [oauth.customFetch]: fetch });
    return oauth.getValidatedIdTokenClaims(read);
  },

  /** What would be sent. A `Response` of the server, if there is one, is remembered as far as clients do. */
  async request(question) {
    let sent;
    const fetch = async (url, { method, headers, body }) => {
      sent = { url, method, headers, body: body?.toString() ?? "" };
      return response(question.answer ?? { status: 200 });
    };
    const options = { [oauth.customFetch]: fetch, DPoP: prover(question) };
    try {
      await REQUESTS[question.kind](question, authentication(question), options);
    } catch (error) {
      // What is wrong with the response is not asked here.
      if (!sent) throw error;
    }
    return sent;
  },

  /** What a client makes of a response: what it says, or why that is an error. */
  async response(question) {
    try {
      return { read: await RESPONSES[question.kind](question, response(question.answer)) };
    } catch (error) {
      if (error instanceof oauth.ResponseBodyError) {
        const wants_nonce = oauth.isDPoPNonceError(error);
        return { error: error.error, description: error.error_description, status: error.status, wants_nonce };
      }
      throw error;
    }
  },

  /** What a client reads in the field `WWW-Authenticate`. */
  async challenges(question) {
    const fetch = async () => response(question.answer);
    try {
      const url = new URL("https://tools.example/");
      await oauth.protectedResourceRequest("a-token", "GET", url, undefined, undefined, { [oauth.customFetch]: fetch });
      return null;
    } catch (error) {
      if (!(error instanceof oauth.WWWAuthenticateChallengeError)) throw error;
      return { challenges: error.cause, wants_nonce: oauth.isDPoPNonceError(error) };
    }
  },

  async authorization_response(question) {
    const answer = oauth.validateAuthResponse(question.server, question.client, new URL(question.location), question.state);
    return Object.fromEntries(answer.entries());
  },

  /** What a resource server makes of a request. */
  async access_token(question) {
    const headers = new Headers();
    for (const [name, value] of question.fields) headers.append(name, value);
    const request = new Request(question.url, { method: question.method, headers });
    const fetch = async () => Response.json(question.keys);
    const server = { issuer: question.issuer, jwks_uri: "https://as.example/jwks" };
    return oauth.validateJwtAccessToken(server, request, question.audience, { [oauth.customFetch]: fetch });
  },

  async version() {
    return JSON.parse(readFileSync(join(library, "package.json"), "utf8")).version;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line);
  let answer;
  try {
    answer = { ok: await TASKS[question.task](question) };
  } catch (error) {
    answer = { error: `${error.code ?? error.name}: ${error.message}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
