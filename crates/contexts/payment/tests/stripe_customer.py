"""What happens on Stripe's side of a payment, done with Stripe's own library as a customer's client would do it.

    stripe_customer.py URL webhook TARGET SECRET    lets Stripe tell everything to TARGET
    stripe_customer.py URL pay SECRET CARD          pays the intent that the client got the secret of
    stripe_customer.py URL status ID                says in which state an intent is, and how much was paid back
"""

import sys

import requests
import stripe

url, command, *arguments = sys.argv[1:]
client = stripe.StripeClient("sk_test_of_a_customer", base_addresses={"api": url}, max_network_retries=0).v1

if command == "webhook":
    target, secret = arguments
    requests.post(f"{url}/_config/webhooks/pulse", data={"url": target, "secret": secret}, timeout=10).raise_for_status()
elif command == "pay":
    secret, number = arguments
    card = {"number": number, "exp_month": 12, "exp_year": 2090, "cvc": "123"}
    method = client.payment_methods.create({"type": "card", "card": card})
    intent = secret.split("_secret_")[0]
    client.payment_intents.update(intent, {"payment_method": method.id})
    try:
        print(client.payment_intents.confirm(intent).status)
    except stripe.CardError as error:
        print(error.code)
elif command == "status":
    (intent,) = arguments
    refunds = client.refunds.list({"payment_intent": intent}) if client.payment_intents.retrieve(intent).latest_charge else []
    print(client.payment_intents.retrieve(intent).status, sum(refund.amount for refund in refunds))
else:
    sys.exit(__doc__)
