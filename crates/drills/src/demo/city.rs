//! The demo city: its accounts and shops on a node, and the clients that the simulation calls.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use parking_lot::Mutex;
use pulse_city::City;
use pulse_contract::account::v1::AccountClient;
use pulse_contract::kitchen::v1::KitchenClient;
use pulse_contract::order::v1::OrderClient;
use pulse_contract::payment::v1::PaymentClient;
use pulse_contract::sale::v1::SaleClient;
use pulse_contract::shop::v1::{CatalogClient, ShopClient};
use pulse_contract::stock::v1::StockClient;
use pulse_kernel::id::AccountId;
use pulse_kernel::{Actor, Clock, Cx, Principal, Role};
use pulse_node::Node;
use pulse_payment::Sandbox;
use pulse_shop::ActiveShops;

/// A generated city that exists on a node.
pub struct DemoCity {
    pub(super) city: City,
    pub(super) accounts: AccountClient,
    pub(super) shops: ShopClient,
    pub(super) catalog: CatalogClient,
    pub(super) active_shops: Arc<ActiveShops>,
    pub(super) orders: OrderClient,
    pub(super) payments: PaymentClient,
    pub(super) kitchens: KitchenClient,
    pub(super) sales: SaleClient,
    pub(super) stock: StockClient,
    /// Built-in payment provider; `None` when the node has none.
    pub(super) sandbox: Option<Sandbox>,
    pub(super) clock: Clock,
    /// Account of each person, by the number of the person.
    pub(super) people: Vec<AccountId>,
    /// IDs of the shops that have a menu.
    pub(super) shops_with_menu: Vec<i64>,
    /// IDs of the shops whose kitchen has work, the longest waiting first.
    pub(super) busy_kitchens: Mutex<VecDeque<i64>>,
    /// ID of the shop that the start page suggests; 0 until the page was viewed.
    pub(super) suggested_shop: AtomicI64,
}

impl DemoCity {
    /// The clients of a node for this city; nothing is created yet.
    pub(super) fn new(node: &Node, city: City) -> Self {
        Self {
            city,
            accounts: node.accounts().clone(),
            shops: node.shops().shops.clone(),
            catalog: node.shops().catalog.clone(),
            active_shops: node.shops().active.clone(),
            orders: node.orders().clone(),
            payments: node.payments().clone(),
            kitchens: node.kitchens().clone(),
            sales: node.sales().clone(),
            stock: node.stock().clone(),
            sandbox: node.sandbox().cloned(),
            clock: node.clock.clone(),
            people: Vec::new(),
            shops_with_menu: Vec::new(),
            busy_kitchens: Mutex::default(),
            suggested_shop: AtomicI64::new(0),
        }
    }

    /// Context of a system call at the current time.
    pub(super) fn cx(&self) -> Cx {
        Cx::system("demo", self.clock.now())
    }

    /// Context of a call by this account at the current time.
    pub(super) fn cx_of(&self, account: AccountId) -> Cx {
        self.cx().with_actor(Actor::Principal(Self::principal(account).into()))
    }

    /// A customer.
    pub(super) fn principal(account: AccountId) -> Principal {
        Principal { account, session: 0, roles: vec![Role::Consumer], shops: Vec::new() }
    }

    /// Account of the person with this number.
    pub(super) fn person(&self, number: u32) -> Option<AccountId> {
        self.people.get(usize::try_from(number).ok()?).copied()
    }
}
