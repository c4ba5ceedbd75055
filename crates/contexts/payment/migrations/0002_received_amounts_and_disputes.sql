-- The captured amount, also when it differs from the requested one; NULL before the provider reports it, and for cash.
ALTER TABLE payment_attempts ADD COLUMN received_currency VARCHAR(3);
ALTER TABLE payment_attempts ADD COLUMN received_minor BIGINT;
-- Number of requests to cancel the attempt that did not end it.
ALTER TABLE payment_attempts ADD COLUMN cancel_tries BIGINT NOT NULL DEFAULT 0;

-- Disputes about captured money. The version of the payment guards them.
CREATE TABLE payment_disputes (
    id {id} NOT NULL PRIMARY KEY,
    intent_id BIGINT NOT NULL,
    attempt_id BIGINT NOT NULL,
    order_id BIGINT NOT NULL,
    shop_id BIGINT NOT NULL,
    provider VARCHAR(32) NOT NULL,
    provider_reference VARCHAR(200) NOT NULL,
    currency VARCHAR(3) NOT NULL,
    amount_minor BIGINT NOT NULL,
    reason VARCHAR(200) NOT NULL,
    respond_by BIGINT,
    status BIGINT NOT NULL,
    reported_at BIGINT NOT NULL,
    is_withdrawn BIGINT NOT NULL,
    is_reinstated BIGINT NOT NULL,
    is_withdrawal_booked BIGINT NOT NULL,
    is_reinstatement_booked BIGINT NOT NULL,
    opened_at BIGINT NOT NULL
);
CREATE INDEX payment_disputes_intent ON payment_disputes (intent_id, id);
CREATE INDEX payment_disputes_shop ON payment_disputes (shop_id, id);
CREATE UNIQUE INDEX payment_disputes_reference ON payment_disputes (provider, provider_reference);
