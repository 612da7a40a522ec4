"""Makes keys and tokens with two implementations of JWT that are not ours, PyJWT and jwcrypto, and prints them as JSON.

tokens.json beside it is one run's output; a test also runs it afresh. Needs the packages of ../requirements.txt.
"""

import json
import secrets
from base64 import urlsafe_b64decode

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwcrypto import jwk, jws

CLAIMS = {
    "iss": "https://issuer.example",
    "sub": "myuser",
    "aud": ["mqtt", "web"],
    "username": "myuser",
    "is_superuser": True,
    "client_attrs": {"tenant": "a"},
    "realm": {"role": "device", "level": 3, "groups": ["a", "b"]},
    "acl": {"pub": ["a/#"]},
}

SIGNERS = {
    "rsa": (rsa.generate_private_key(65537, 2048), ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]),
    "rsa-next": (rsa.generate_private_key(65537, 3072), ["RS256"]),
    "p256": (ec.generate_private_key(ec.SECP256R1()), ["ES256"]),
    "p384": (ec.generate_private_key(ec.SECP384R1()), ["ES384"]),
    "p521": (ec.generate_private_key(ec.SECP521R1()), ["ES512"]),
    "ed25519": (ed25519.Ed25519PrivateKey.generate(), ["EdDSA"]),
}


def public_pem(key):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def private_pem(key):
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def by_jwcrypto(key, alg, kid):
    token = jws.JWS(json.dumps(CLAIMS))
    token.add_signature(key, alg, json.dumps({"alg": alg, "typ": "JWT", "kid": kid}))
    return token.serialize(compact=True)


def both(alg, kid, for_pyjwt, for_jwcrypto):
    yield {"alg": alg, "kid": kid, "by": "pyjwt", "token": jwt.encode(CLAIMS, for_pyjwt, alg, {"kid": kid})}
    yield {"alg": alg, "kid": kid, "by": "jwcrypto", "token": by_jwcrypto(for_jwcrypto, alg, kid)}


def main():
    keys, tokens = [], []
    for kid, (key, algorithms) in SIGNERS.items():
        other = jwk.JWK.from_pem(private_pem(key))
        members = other.export_public(as_dict=True) | {"kid": kid, "use": "sig"}
        keys.append({"kid": kid, "pem": public_pem(key), "jwk": members})
        for alg in algorithms:
            tokens.extend(both(alg, kid, key, other))
    shared = jwk.JWK(kty="oct", k=secrets.token_urlsafe(64))
    text = shared.export(as_dict=True)["k"]
    raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    for alg in ["HS256", "HS384", "HS512"]:
        tokens.extend(both(alg, "shared", raw, shared))
    print(json.dumps({"secret_base64url": text, "keys": keys, "tokens": tokens}, indent=1))


main()
