-- Whether the payment of the order that bought or earned the coupon was refunded. A coupon that is not used is revoked too.
ALTER TABLE marketing_coupons ADD COLUMN is_order_refunded BIGINT NOT NULL DEFAULT 0;

-- Refunds of orders that buy or earn coupons. `refunded_quantity` vouchers are paid back by published refunds, and
-- `pending_quantity` by a refund that is being requested; the larger number of vouchers is revoked. A voucher order has a row
-- from the issue of its coupons on.
CREATE TABLE marketing_order_refunds (
    order_id {id} NOT NULL PRIMARY KEY,
    paid_minor BIGINT NOT NULL,
    refunded_minor BIGINT NOT NULL,
    refunded_quantity BIGINT NOT NULL,
    pending_quantity BIGINT NOT NULL,
    order_version BIGINT NOT NULL,
    version BIGINT NOT NULL
);
