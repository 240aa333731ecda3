"""Lets the tests in interop/ use Authlib: a JSON object a line on standard input, one a line on standard output."""

import importlib.metadata
import json
import sys
from types import SimpleNamespace

from authlib.oauth2.rfc7523 import JWTBearerClientAssertion, PrivateKeyJWT
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

KEYS = {
    "ES256": lambda: ECKey.generate_key("P-256"),
    "ES384": lambda: ECKey.generate_key("P-384"),
    "Ed25519": lambda: OKPKey.generate_key("Ed25519"),
    "RS256": lambda: RSAKey.generate_key(2048),
    "PS256": lambda: RSAKey.generate_key(2048),
}

#: Key pairs, by the names that the tests give them.
pairs = {}


def key(question):
    """The public key of a new pair."""
    pair = pairs[question["name"]] = KEYS[question["algorithm"]]()
    return pair.as_dict(private=False)


def access_token(question):
    """What a resource server makes of a token."""

    class Validator(JWTBearerTokenValidator):
        def get_jwks(self):
            return KeySet.import_key_set(question["keys"])

    validator = Validator(issuer=question["issuer"], resource_server=question["resource"])
    token = validator.authenticate_token(question["token"])
    validator.validate_token(token, question.get("scopes"), None)
    return dict(token)


def assertion(question):
    """What a client adds to its form."""
    method = PrivateKeyJWT(
        token_endpoint=question["audience"],
        claims=question.get("claims"),
        headers=question.get("header"),
        alg=question["algorithm"],
    )
    auth = SimpleNamespace(client_id=question["client_id"], client_secret=pairs[question["name"]])
    _, _, body = method(auth, "POST", "https://as.example/token", {}, question["body"])
    return body


class Client:
    def __init__(self, client_id):
        self.client_id = client_id

    def check_endpoint_auth_method(self, method, endpoint):
        return True


#: What was used before, of all tests.
seen = set()


def client(question):
    """Which client a form is of."""

    class Assertion(JWTBearerClientAssertion):
        def get_audiences(self):
            return question["audiences"]

        def validate_jti(self, claims, jti):
            is_new = (claims["sub"], jti) not in seen
            seen.add((claims["sub"], jti))
            return is_new

        def resolve_client_public_key(self, client):
            return KeySet.import_key_set(question["keys"])

    find = lambda client_id: Client(client_id) if client_id == question["client_id"] else None
    found = Assertion()(find, SimpleNamespace(form=question["form"]))
    return found and found.client_id


def version(_):
    return importlib.metadata.version("authlib")


def why(error):
    """An error, and what it came from."""
    text = f"{type(error).__name__}: {error}"
    return f"{text} <- {why(error.__cause__)}" if error.__cause__ else text


TASKS = {"key": key, "access_token": access_token, "assertion": assertion, "client": client, "version": version}

for line in sys.stdin:
    question = json.loads(line)
    try:
        answer = {"ok": TASKS[question["task"]](question)}
    except Exception as error:
        answer = {"error": why(error)}
    print(json.dumps(answer), flush=True)
