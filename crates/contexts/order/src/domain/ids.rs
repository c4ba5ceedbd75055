//! IDs that only orders use.

use pulse_kernel::id::OrderId;

pulse_kernel::define_id!(
    /// Identifies a draft, which becomes at most one order.
    PreOrderId, "pre"
);
pulse_kernel::define_id!(
    /// Identifies the payment of an order.
    PaymentId, "pay"
);
pulse_kernel::define_id!(
    /// Identifies an attempt to pay an order.
    AttemptId, "att"
);
pulse_kernel::define_id!(
    /// Identifies a refund. A rejected payment is refunded under the ID of its attempt.
    RefundId, "ref"
);
pulse_kernel::define_id!(
    /// Identifies a stock reservation: the ID of the order, or of the late payment that revived the order.
    ReservationId, "rsv"
);

impl From<OrderId> for ReservationId {
    fn from(order: OrderId) -> Self {
        Self::new(order.get())
    }
}

impl From<PaymentId> for ReservationId {
    fn from(payment: PaymentId) -> Self {
        Self::new(payment.get())
    }
}

impl From<AttemptId> for RefundId {
    fn from(attempt: AttemptId) -> Self {
        Self::new(attempt.get())
    }
}
