-- Coupon templates. Attributes that queries use have columns; the others are one `StoredTemplate`.
CREATE TABLE marketing_templates (
    id {id} NOT NULL PRIMARY KEY,
    shop_id BIGINT NOT NULL,
    distribution BIGINT NOT NULL,
    is_closed BIGINT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    details {bytes} NOT NULL,
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX marketing_templates_shop ON marketing_templates (shop_id, is_closed, id);

-- Coupons of customers. `slot` is the slot in the limit per customer, from 1; a bought coupon has its own ID instead, because
-- its order has the slot. The origin is unique, so it issues a coupon once.
CREATE TABLE marketing_coupons (
    id {id} NOT NULL PRIMARY KEY,
    template_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    slot BIGINT NOT NULL,
    origin BIGINT NOT NULL,
    origin_id BIGINT NOT NULL,
    origin_part BIGINT NOT NULL,
    state BIGINT NOT NULL,
    order_id BIGINT NOT NULL,
    obtained_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX marketing_coupons_slot ON marketing_coupons (template_id, account_id, slot);
CREATE UNIQUE INDEX marketing_coupons_origin ON marketing_coupons (origin, origin_id, origin_part);
CREATE INDEX marketing_coupons_account ON marketing_coupons (account_id, id);

-- Slots of voucher orders in the limit per customer: one for each voucher of an order that is paid or can still be paid.
-- The key gives a slot to one order only.
CREATE TABLE marketing_purchase_slots (
    template_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    slot BIGINT NOT NULL,
    order_id BIGINT NOT NULL,
    PRIMARY KEY (template_id, account_id, slot)
) {clustered};
CREATE INDEX marketing_purchase_slots_order ON marketing_purchase_slots (order_id);

-- Reservations of orders. An order that returned its coupons keeps its row, so that it cannot reserve again.
CREATE TABLE marketing_reservations (
    order_id {id} NOT NULL PRIMARY KEY,
    account_id BIGINT NOT NULL,
    state BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    details {bytes} NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX marketing_reservations_over ON marketing_reservations (state, expires_at);

-- Post-order rewards.
CREATE TABLE marketing_post_order_rewards (
    id {id} NOT NULL PRIMARY KEY,
    template_id BIGINT NOT NULL,
    shop_id BIGINT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    details {bytes} NOT NULL
);
CREATE INDEX marketing_post_order_rewards_end ON marketing_post_order_rewards (ends_at, id);
