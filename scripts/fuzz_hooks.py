"""Hooks for schemathesis: who asks, from where, and about which shop.

Every request comes from another address, so that rate limits do not hide the code behind them, and from another actor:
nobody, a consumer, staff of a shop, a courier, an operator. The tokens are made from the keys in the data folder of the
node under test; half of the ids in paths are ids that exist.
"""

import base64
import hashlib
import hmac
import json
import os
import random
import time
import urllib.request

import schemathesis

URL = os.environ["PULSE_FUZZ_URL"]
KEYS = os.path.join(os.environ["PULSE_FUZZ_DATA"], "keys", "token.keys")
KID, SECRET = open(KEYS, encoding="utf-8").readline().split()
DRAW = random.Random(1)
REACHED = set()


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def token(account, roles, shops=()):
    """An access token as the account context mints it; each has a session of its own, so that none can end another."""
    now = int(time.time())
    claims = {"iss": "pulse", "aud": "pulse-api", "sub": str(account), "sid": str(DRAW.getrandbits(50)),
              "roles": list(roles), "shops": [str(shop) for shop in shops], "iat": now, "exp": now + 900}
    header = f'{{"alg":"HS256","kid":"{KID}","typ":"JWT"}}'
    message = encode(header.encode()) + b"." + encode(json.dumps(claims).encode())
    signature = hmac.new(bytes.fromhex(SECRET), message, hashlib.sha256).digest()
    return (message + b"." + encode(signature)).decode()


def get(path, **headers):
    with urllib.request.urlopen(urllib.request.Request(URL + path, headers=headers), timeout=30) as answer:
        return json.load(answer)


OPERATOR = {"Authorization": "Bearer " + token(1, ["operator"])}
SHOPS = [shop["shop_id"] for shop in get("/v1/operator/shops?page_size=50", **OPERATOR).get("shops", [])]
ACCOUNTS = [
    account["account_id"]
    for account in get("/v1/operator/accounts?phone_digits=861000&page_size=50", **OPERATOR).get("accounts", [])
]
KNOWN = {"shop_id": SHOPS, "account_id": ACCOUNTS}


def send(method, path, body, bearer):
    headers = {"Authorization": "Bearer " + bearer, "Content-Type": "application/json"}
    request = urllib.request.Request(URL + path, json.dumps(body).encode(), headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def trade():
    """Makes one of everything that is traded, and gives the ids that belong together."""
    shop = next(shop for shop in SHOPS if get(f"/v1/shops/{shop}/menu").get("sections"))
    operator, customer = token(1, ["operator"]), token(ACCOUNTS[0], [])
    price = {"minor": "1500", "currency": "CNY"}
    draft = {"name": "Fuzz tea", "variants": [{"name": "one", "price": price}], "is_on_sale": True}
    product = send("POST", f"/v1/shops/{shop}/products", draft, operator)
    variant = product["variants"][0]["variant_id"]
    stock = f"/v1/shops/{shop}/products/{product['product_id']}/variants/{variant}/stock"
    send("PUT", stock, {"deduct_at": "DEDUCT_AT_ORDER"}, operator)
    send("POST", f"/v1/shops/{shop}/stock/RESOURCE_KIND_SKU/{variant}:replenish", {"quantity": "100000"}, operator)
    template = send("POST", f"/v1/shops/{shop}/coupon-templates", {
        "name": "Fuzz", "discount": "DISCOUNT_KIND_AMOUNT", "amount_minor": "100", "currency": "CNY",
        "starts_at": "2026-01-01T00:00:00Z", "ends_at": "2036-01-01T00:00:00Z", "per_customer_limit": 100,
        "quota": "1000000", "distribution": "DISTRIBUTION_CLAIM",
    }, operator)["template_id"]
    coupon = send("POST", f"/v1/coupon-templates/{template}:claim", {}, customer)["coupon_id"]
    lines = [{"product_id": product["product_id"], "variant_id": variant, "quantity": 1}]
    send("PUT", f"/v1/shops/{shop}/hours", {"osm": "24/7"}, operator)
    send("PUT", f"/v1/shops/{shop}/terms", {"is_cash_accepted": True}, operator)
    order = {"draft": {"shop_id": shop, "lines": lines}, "expected_total_minor": "1500"}
    cash = dict(order, payment_method="PAYMENT_METHOD_CASH_ON_DELIVERY")
    orders = [send("POST", "/v1/orders", body, customer)["order_id"] for body in [order, order, cash, cash]]
    tickets = []
    for _ in range(100):
        tickets = get(f"/v1/shops/{shop}/kitchen/tickets", **OPERATOR).get("tickets", [])
        if tickets:
            break
        time.sleep(0.1)
    return {
        "shop_id": [shop], "product_id": [product["product_id"]], "variant_id": [variant], "template_id": [template],
        "coupon_id": [coupon], "order_id": orders, "ticket_id": [ticket["ticket_id"] for ticket in tickets],
        "resource_kind": ["RESOURCE_KIND_SKU"], "resource_id": [variant],
        "key_owner": ["RESERVATION_OWNER_ORDER"], "key_id": orders,
    }


TRADE = trade()
print(f"fuzz: {len(SHOPS)} shops and {len(ACCOUNTS)} accounts are known")


def actor():
    account = DRAW.choice(ACCOUNTS) if ACCOUNTS and DRAW.random() < 0.8 else DRAW.getrandbits(62)
    kind = DRAW.choice(["nobody", "consumer", "staff", "courier", "operator", "operator"])
    if kind == "nobody":
        return None
    if kind == "staff":
        return token(account, ["merchant_staff"], DRAW.sample(SHOPS, min(3, len(SHOPS))))
    return token(account, [] if kind == "consumer" else [kind])


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    for name, known in KNOWN.items():
        if path_parameters and name in path_parameters and known and DRAW.random() < 0.5:
            path_parameters[name] = DRAW.choice(known)
    if path_parameters and any(name in path_parameters for name in TRADE if name != "shop_id") and DRAW.random() < 0.5:
        for name, known in TRADE.items():
            if name in path_parameters and known:
                path_parameters[name] = DRAW.choice(known)
    return path_parameters


@schemathesis.hook
def before_call(context, case, kwargs):
    case.headers["X-Forwarded-For"] = f"198.18.{DRAW.randrange(256)}.{DRAW.randrange(1, 255)}"
    # A few keep the broken token that the fuzzer has thought of.
    if DRAW.random() < 0.9:
        case.headers.pop("Authorization", None)
        bearer = actor()
        if bearer:
            case.headers["Authorization"] = "Bearer " + bearer


@schemathesis.hook
def after_call(context, case, response):
    """Notes which operations answered with success: a fuzzer that never gets in proves nothing."""
    if response.status_code < 300 and case.operation.label not in REACHED:
        REACHED.add(case.operation.label)
        with open(os.environ["PULSE_FUZZ_REACHED"], "a", encoding="utf-8") as reached:
            print(case.operation.label, file=reached)
