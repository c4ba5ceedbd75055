//! State machine of orders, as a table of transitions with the roles that may make them.

/// State of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Accepted and queued; its stock is reserved in a batch.
    Placing,
    /// Placed; stock and coupons are reserved until it is paid or expires.
    AwaitingPayment,
    /// Paid, or to be paid in cash on receipt.
    Confirmed,
    /// The shop prepares it.
    Preparing,
    /// Ready for pickup or for the courier.
    Ready,
    /// The courier delivers it.
    Delivering,
    /// The customer received it.
    Completed,
    /// Cancelled; it will not be fulfilled.
    Cancelled,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Placing,
        Self::AwaitingPayment,
        Self::Confirmed,
        Self::Preparing,
        Self::Ready,
        Self::Delivering,
        Self::Completed,
        Self::Cancelled,
    ];

    /// Whether the order has ended.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled)
    }
}

/// A move from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Move {
    /// The stock of a queued order is reserved.
    Place,
    /// The order is paid, or needs no online payment.
    Pay,
    /// A late payment was accepted, because everything was available again.
    Revive,
    /// The time limit for the placement or the payment passed.
    Expire,
    /// The order is cancelled by a person, or cannot be fulfilled.
    Cancel,
    /// The shop starts to prepare it, without a kitchen screen.
    Accept,
    /// The kitchen started to prepare it.
    Prepare,
    /// The kitchen finished it.
    Ready,
    /// The courier received it.
    HandOver,
    /// The customer received it.
    Complete,
}

impl Move {
    /// Every move.
    pub const ALL: [Self; 10] = [
        Self::Place,
        Self::Pay,
        Self::Revive,
        Self::Expire,
        Self::Cancel,
        Self::Accept,
        Self::Prepare,
        Self::Ready,
        Self::HandOver,
        Self::Complete,
    ];

    /// Name of the move in the API, for example `hand_over`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Place => "place",
            Self::Pay => "pay",
            Self::Revive => "revive",
            Self::Expire => "expire",
            Self::Cancel => "cancel",
            Self::Accept => "accept",
            Self::Prepare => "prepare",
            Self::Ready => "ready",
            Self::HandOver => "hand_over",
            Self::Complete => "complete",
        }
    }
}

/// Role in which a caller moves an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The customer of the order.
    Customer,
    /// Staff of the shop.
    Shop,
    /// An operator of the platform.
    Operator,
    /// The kitchen, through its events.
    Kitchen,
    /// The courier.
    Courier,
    /// The system: timers, payments, batches.
    System,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 6] = [Self::Customer, Self::Shop, Self::Operator, Self::Kitchen, Self::Courier, Self::System];

    /// Name of the role in the history of an order, for example `customer`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Shop => "shop",
            Self::Operator => "operator",
            Self::Kitchen => "kitchen",
            Self::Courier => "courier",
            Self::System => "system",
        }
    }
}

/// Path by which an order reaches its customer. It decides about the last moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FulfilmentPath {
    /// The customer collects the order.
    Pickup,
    /// A courier delivers the order.
    Delivery,
    /// The order contains vouchers, which are issued when it is paid.
    Voucher,
}

impl FulfilmentPath {
    /// Every path.
    pub const ALL: [Self; 3] = [Self::Pickup, Self::Delivery, Self::Voucher];
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// State before the move.
    pub from: State,
    /// The move.
    pub mv: Move,
    /// State after the move.
    pub to: State,
    /// Roles that may make the move.
    pub by: &'static [Role],
    /// Fulfilment paths that have the move.
    pub paths: &'static [FulfilmentPath],
}

const fn rule(from: State, mv: Move, to: State, by: &'static [Role], paths: &'static [FulfilmentPath]) -> Rule {
    Rule { from, mv, to, by, paths }
}

const ANY: &[FulfilmentPath] = &FulfilmentPath::ALL;
const GOODS: &[FulfilmentPath] = &[FulfilmentPath::Pickup, FulfilmentPath::Delivery];
const PICKUP: &[FulfilmentPath] = &[FulfilmentPath::Pickup];
const DELIVERY: &[FulfilmentPath] = &[FulfilmentPath::Delivery];
const VOUCHER: &[FulfilmentPath] = &[FulfilmentPath::Voucher];
const SYSTEM: &[Role] = &[Role::System];
const KITCHEN: &[Role] = &[Role::Kitchen];
const STAFF: &[Role] = &[Role::Shop, Role::Operator];
const UNTIL_MADE: &[Role] = &[Role::Customer, Role::Shop, Role::Operator, Role::System];
const SHOP_SIDE: &[Role] = &[Role::Shop, Role::Operator, Role::System];
const FETCHED: &[Role] = &[Role::Customer, Role::Shop, Role::Operator];
const BROUGHT: &[Role] = &[Role::Customer, Role::Courier, Role::Operator];

/// All transitions. Any other move is refused.
///
/// A shop without a kitchen screen does not use `Ready`: it accepts, and then hands over or completes. A paid voucher is
/// completed at once, because its coupons can be used from then on; so it cannot be cancelled and refunded.
pub const TABLE: &[Rule] = &[
    rule(State::Placing, Move::Place, State::AwaitingPayment, SYSTEM, ANY),
    rule(State::Placing, Move::Expire, State::Cancelled, SYSTEM, ANY),
    rule(State::Placing, Move::Cancel, State::Cancelled, UNTIL_MADE, ANY),
    rule(State::AwaitingPayment, Move::Pay, State::Confirmed, SYSTEM, ANY),
    rule(State::AwaitingPayment, Move::Expire, State::Cancelled, SYSTEM, ANY),
    rule(State::AwaitingPayment, Move::Cancel, State::Cancelled, UNTIL_MADE, ANY),
    rule(State::Confirmed, Move::Cancel, State::Cancelled, UNTIL_MADE, GOODS),
    rule(State::Confirmed, Move::Accept, State::Preparing, STAFF, GOODS),
    rule(State::Confirmed, Move::Prepare, State::Preparing, KITCHEN, GOODS),
    rule(State::Confirmed, Move::Ready, State::Ready, KITCHEN, GOODS),
    rule(State::Confirmed, Move::Complete, State::Completed, SYSTEM, VOUCHER),
    rule(State::Preparing, Move::Cancel, State::Cancelled, SHOP_SIDE, GOODS),
    rule(State::Preparing, Move::Ready, State::Ready, KITCHEN, GOODS),
    rule(State::Preparing, Move::HandOver, State::Delivering, STAFF, DELIVERY),
    rule(State::Preparing, Move::Complete, State::Completed, STAFF, PICKUP),
    rule(State::Ready, Move::Cancel, State::Cancelled, STAFF, GOODS),
    rule(State::Ready, Move::HandOver, State::Delivering, STAFF, DELIVERY),
    rule(State::Ready, Move::Complete, State::Completed, FETCHED, PICKUP),
    rule(State::Delivering, Move::Cancel, State::Cancelled, &[Role::Operator], DELIVERY),
    rule(State::Delivering, Move::Complete, State::Completed, BROUGHT, DELIVERY),
    rule(State::Cancelled, Move::Revive, State::Confirmed, SYSTEM, GOODS),
];

/// The state does not allow the move to these roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveNotAllowed {
    /// State of the order.
    pub state: State,
    /// Moves that these roles may make.
    pub allowed: Vec<Move>,
}

/// State after the move, and the role that makes it: the first of `roles` that may.
///
/// # Errors
/// [`MoveNotAllowed`] if none of the roles may make the move.
pub fn step(from: State, mv: Move, roles: &[Role], path: FulfilmentPath) -> Result<(State, Role), MoveNotAllowed> {
    let found = rules(from, path).find(|rule| rule.mv == mv);
    let role = |rule: &Rule| roles.iter().copied().find(|role| rule.by.contains(role));
    found
        .and_then(|rule| Some((rule.to, role(rule)?)))
        .ok_or_else(|| MoveNotAllowed { state: from, allowed: allowed(from, roles, path) })
}

/// Moves that at least one of `roles` may make.
#[must_use]
pub fn allowed(from: State, roles: &[Role], path: FulfilmentPath) -> Vec<Move> {
    rules(from, path).filter(|rule| rule.by.iter().any(|role| roles.contains(role))).map(|rule| rule.mv).collect()
}

/// Whether a move leads from one state to the other.
#[must_use]
pub fn is_edge(from: State, to: State, path: FulfilmentPath) -> bool {
    rules(from, path).any(|rule| rule.to == to)
}

fn rules(from: State, path: FulfilmentPath) -> impl Iterator<Item = &'static Rule> {
    TABLE.iter().filter(move |rule| rule.from == from && rule.paths.contains(&path))
}
