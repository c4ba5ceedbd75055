//! The life of an order as a table: who may move it from where to where.

/// In which state an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Accepted; its units are asked for together with those of others.
    Placing,
    /// Placed; everything is held until it is paid or its time is over.
    AwaitingPayment,
    /// Paid, or to be paid in cash.
    Confirmed,
    /// In the making.
    Preparing,
    /// Waits to be fetched.
    Ready,
    /// On the way.
    Delivering,
    /// The customer has it.
    Completed,
    /// It will not be.
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

    /// Whether the order is over.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled)
    }
}

/// A step that an order may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Move {
    /// Everything is held.
    Place,
    /// The money is there, or need not be yet.
    Pay,
    /// The money came after the time was over, and everything could be had once more.
    Revive,
    /// The time to be placed, or to pay, is over.
    Expire,
    /// Somebody does not want it any more, or cannot make it.
    Cancel,
    /// The shop takes it in hand.
    Accept,
    /// The kitchen has begun.
    Prepare,
    /// The kitchen is done.
    Ready,
    /// Whoever brings it has it.
    HandOver,
    /// The customer has it.
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

    /// The word for callers.
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

/// As whom somebody moves an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Who ordered.
    Customer,
    /// Who works for the shop.
    Shop,
    /// Who runs the platform.
    Operator,
    /// The kitchen, by its events.
    Kitchen,
    /// Who brings it.
    Courier,
    /// Pulse itself.
    System,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 6] = [Self::Customer, Self::Shop, Self::Operator, Self::Kitchen, Self::Courier, Self::System];

    /// The word for the history of an order.
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

/// How an order reaches its customer, which decides about its last moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// The customer comes.
    Pickup,
    /// Somebody brings it.
    Delivery,
    /// There is nothing to bring: coupons, which are there when the order is paid.
    Voucher,
}

impl Way {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Pickup, Self::Delivery, Self::Voucher];
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The state before.
    pub from: State,
    /// The move.
    pub mv: Move,
    /// The state after.
    pub to: State,
    /// Who may.
    pub by: &'static [Role],
    /// For which orders.
    pub ways: &'static [Way],
}

const fn rule(from: State, mv: Move, to: State, by: &'static [Role], ways: &'static [Way]) -> Rule {
    Rule { from, mv, to, by, ways }
}

const ANY: &[Way] = &Way::ALL;
const GOODS: &[Way] = &[Way::Pickup, Way::Delivery];
const PICKUP: &[Way] = &[Way::Pickup];
const DELIVERY: &[Way] = &[Way::Delivery];
const VOUCHER: &[Way] = &[Way::Voucher];
const SYSTEM: &[Role] = &[Role::System];
const KITCHEN: &[Role] = &[Role::Kitchen];
const STAFF: &[Role] = &[Role::Shop, Role::Operator];
const UNTIL_MADE: &[Role] = &[Role::Customer, Role::Shop, Role::Operator, Role::System];
const SHOP_SIDE: &[Role] = &[Role::Shop, Role::Operator, Role::System];
const FETCHED: &[Role] = &[Role::Customer, Role::Shop, Role::Operator];
const BROUGHT: &[Role] = &[Role::Customer, Role::Courier, Role::Operator];

/// Every move that exists. What is not here is refused.
///
/// A shop without a kitchen screen has no `Ready`: it accepts, and then hands over or completes. A voucher that is paid is
/// complete at once, because its coupons could be used from then on: it cannot be cancelled for its money back.
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

/// A move that the state does not allow to these roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The state.
    pub state: State,
    /// What these roles may do instead.
    pub allowed: Vec<Move>,
}

/// Where the move leads, and as whom it is made: the first of `roles` that may.
///
/// # Errors
/// [`Refused`] when none of them may make it.
pub fn step(from: State, mv: Move, roles: &[Role], way: Way) -> Result<(State, Role), Refused> {
    let found = rules(from, way).find(|rule| rule.mv == mv);
    let role = |rule: &Rule| roles.iter().copied().find(|role| rule.by.contains(role));
    found
        .and_then(|rule| Some((rule.to, role(rule)?)))
        .ok_or_else(|| Refused { state: from, allowed: allowed(from, roles, way) })
}

/// The moves that one of `roles` may make.
#[must_use]
pub fn allowed(from: State, roles: &[Role], way: Way) -> Vec<Move> {
    rules(from, way).filter(|rule| rule.by.iter().any(|role| roles.contains(role))).map(|rule| rule.mv).collect()
}

/// Whether some move leads from one state to the other.
#[must_use]
pub fn is_edge(from: State, to: State, way: Way) -> bool {
    rules(from, way).any(|rule| rule.to == to)
}

fn rules(from: State, way: Way) -> impl Iterator<Item = &'static Rule> {
    TABLE.iter().filter(move |rule| rule.from == from && rule.ways.contains(&way))
}
