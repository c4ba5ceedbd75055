-- Payments. An order has exactly one (R09).
CREATE TABLE payment_intents (
    id {id} NOT NULL PRIMARY KEY,
    order_id BIGINT NOT NULL,
    shop_id BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    amount_minor BIGINT NOT NULL,
    state BIGINT NOT NULL,
    is_closed BIGINT NOT NULL,
    paid_attempt_id BIGINT,
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX payment_intents_order ON payment_intents (order_id);

-- Attempts to pay. The version of the payment guards them.
CREATE TABLE payment_attempts (
    id {id} NOT NULL PRIMARY KEY,
    intent_id BIGINT NOT NULL,
    provider VARCHAR(32) NOT NULL,
    provider_reference VARCHAR(200),
    state BIGINT NOT NULL,
    pay_url VARCHAR(600) NOT NULL,
    return_url VARCHAR(500) NOT NULL,
    failure VARCHAR(200),
    failed_at BIGINT,
    is_booked BIGINT NOT NULL,
    started_at BIGINT NOT NULL
);
CREATE INDEX payment_attempts_intent ON payment_attempts (intent_id, id);
CREATE UNIQUE INDEX payment_attempts_reference ON payment_attempts (provider, provider_reference);
CREATE INDEX payment_attempts_started ON payment_attempts (provider, started_at, id);

-- Refunds. The ID is that of the order's request, so a repeated request is the same refund.
CREATE TABLE payment_refunds (
    id {id} NOT NULL PRIMARY KEY,
    intent_id BIGINT NOT NULL,
    attempt_id BIGINT,
    provider VARCHAR(32),
    provider_reference VARCHAR(200),
    currency VARCHAR(3) NOT NULL,
    amount_minor BIGINT NOT NULL,
    state BIGINT NOT NULL,
    cause BIGINT NOT NULL,
    reason VARCHAR(200) NOT NULL,
    failure VARCHAR(200) NOT NULL,
    is_booked BIGINT NOT NULL,
    is_failure_published BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX payment_refunds_intent ON payment_refunds (intent_id, id);
CREATE UNIQUE INDEX payment_refunds_reference ON payment_refunds (provider, provider_reference);

-- Received webhook events of providers, one row per event (R15).
CREATE TABLE payment_webhooks (
    provider VARCHAR(32) NOT NULL,
    provider_event_id VARCHAR(200) NOT NULL,
    kind VARCHAR(200) NOT NULL,
    outcome VARCHAR(200) NOT NULL,
    payload {bytes} NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (provider, provider_event_id)
);
CREATE INDEX payment_webhooks_age ON payment_webhooks (received_at);

-- Entries of the ledger. Kind and subject are unique, so nothing is booked twice.
CREATE TABLE payment_entries (
    id {id} NOT NULL PRIMARY KEY,
    kind VARCHAR(16) NOT NULL,
    subject_id BIGINT NOT NULL,
    intent_id BIGINT NOT NULL,
    order_id BIGINT NOT NULL,
    shop_id BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    amount_minor BIGINT NOT NULL,
    booked_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX payment_entries_subject ON payment_entries (kind, subject_id);
CREATE INDEX payment_entries_intent ON payment_entries (intent_id);
CREATE INDEX payment_entries_order ON payment_entries (order_id, id);
CREATE INDEX payment_entries_shop ON payment_entries (shop_id, booked_at);

-- Lines of the entries: positive for a debit, negative for a credit.
CREATE TABLE payment_lines (
    entry_id BIGINT NOT NULL,
    line_number BIGINT NOT NULL,
    account VARCHAR(80) NOT NULL,
    currency VARCHAR(3) NOT NULL,
    amount_minor BIGINT NOT NULL,
    PRIMARY KEY (entry_id, line_number)
) {clustered};
CREATE INDEX payment_lines_account ON payment_lines (account, currency);

-- Balances, each split into slots whose sum is the balance. Every payment updates the account of its provider, and one row
-- would serialize their commits.
CREATE TABLE payment_accounts (
    account VARCHAR(80) NOT NULL,
    currency VARCHAR(3) NOT NULL,
    slot BIGINT NOT NULL,
    balance_minor BIGINT NOT NULL,
    PRIMARY KEY (account, currency, slot)
) {clustered};

-- Attempts at the sandbox provider.
CREATE TABLE payment_sandbox (
    id {id} NOT NULL PRIMARY KEY,
    token VARCHAR(64) NOT NULL,
    order_id BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    amount_minor BIGINT NOT NULL,
    refunded_minor BIGINT NOT NULL,
    status VARCHAR(32) NOT NULL,
    failure VARCHAR(200) NOT NULL,
    return_url VARCHAR(500) NOT NULL,
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX payment_sandbox_token ON payment_sandbox (token);
CREATE INDEX payment_sandbox_age ON payment_sandbox (created_at, id);

-- Refunds at the sandbox provider.
CREATE TABLE payment_sandbox_refunds (
    id {id} NOT NULL PRIMARY KEY,
    payment_id BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    amount_minor BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX payment_sandbox_refunds_age ON payment_sandbox_refunds (created_at, id);
