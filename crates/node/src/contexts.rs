//! The contexts of a node: each on its own tables, with the clients of those that it asks.

use std::sync::Arc;

use pulse_account::{AccountDeps, CodeSender, EndedSessions, Secret};
use pulse_bus::Consumer;
use pulse_contract::account::v1::{AccountClient, AccountGrpc, account_routes};
use pulse_contract::kitchen::v1::{KitchenClient, KitchenGrpc, kitchen_routes};
use pulse_contract::marketing::v1::{CouponClient, CouponGrpc, coupon_routes};
use pulse_contract::order::v1::{OrderClient, OrderGrpc, order_routes};
use pulse_contract::payment::v1::{PaymentClient, PaymentGrpc, payment_routes};
use pulse_contract::sale::v1::{SaleClient, SaleGrpc, sale_routes};
use pulse_contract::shop::v1::{
    CatalogClient, CatalogGrpc, ShopGrpc, SupplierGrpc, catalog_routes, shop_routes, supplier_routes,
};
use pulse_contract::stock::v1::{StockClient, StockGrpc, stock_routes};
use pulse_edge::EdgeBuilder;
use pulse_kernel::{Clock, IdGenerator};
use pulse_kitchen::{KitchenDeps, Kitchens};
use pulse_limiter::Limiter;
use pulse_marketing::{CouponDeps, Coupons};
use pulse_order::{OrderDeps, Orders};
use pulse_payment::{Outbound, PaymentDeps, Payments, Sandbox};
use pulse_sale::{Keeper, Quiz, SaleDeps, Sales, Worker};
use pulse_shop::{ShopDeps, Shops};
use pulse_stock::{StockDeps, Stocks};
use pulse_store::{Migration, Store, TimerPump};
use pulse_token::KeyRing;

use crate::config::Config;
use crate::engines::Engines;

/// The tables of every context, by its name.
pub(crate) const TABLES: &[(&str, &[Migration])] = &[
    ("account", pulse_account::MIGRATIONS),
    ("shop", pulse_shop::MIGRATIONS),
    ("stock", pulse_stock::MIGRATIONS),
    ("marketing", pulse_marketing::MIGRATIONS),
    ("order", pulse_order::MIGRATIONS),
    ("payment", pulse_payment::MIGRATIONS),
    ("kitchen", pulse_kitchen::MIGRATIONS),
    ("sale", pulse_sale::MIGRATIONS),
];

/// What the contexts share.
pub(crate) struct Shared<'a> {
    pub(crate) config: &'a Config,
    pub(crate) engines: &'a mut Engines,
    pub(crate) clock: Clock,
    pub(crate) ids: Arc<IdGenerator>,
    pub(crate) keys: KeyRing,
    pub(crate) secret: Secret,
    pub(crate) codes: Arc<dyn CodeSender>,
    pub(crate) is_serving: bool,
    pub(crate) limiter: Arc<dyn Limiter>,
    /// The way out to providers of payments.
    pub(crate) outbound: Arc<dyn Outbound>,
    /// Signs the webhooks of the sandbox.
    pub(crate) payment_secret: [u8; 32],
    /// What this node is called among those that share a database.
    pub(crate) holder: String,
}

/// Every context, running.
pub(crate) struct Contexts {
    pub(crate) accounts: AccountClient,
    pub(crate) shops: Shops,
    pub(crate) stock: StockClient,
    pub(crate) coupons: CouponClient,
    pub(crate) orders: OrderClient,
    pub(crate) payments: PaymentClient,
    /// The provider that is built in, when it is there.
    pub(crate) sandbox: Option<Sandbox>,
    pub(crate) kitchens: KitchenClient,
    pub(crate) sales: SaleClient,
    /// Sessions that have ended.
    pub(crate) ended: EndedSessions,
    /// What they do when events arrive.
    pub(crate) consumers: Vec<Consumer>,
    /// What they do when a time has come.
    pub(crate) timers: Vec<TimerPump>,
    /// Makes orders of those whom a sale has admitted.
    pub(crate) sale_worker: Option<Worker>,
    /// Keeps the gates of sales in step with their rows.
    pub(crate) sale_keeper: Option<Keeper>,
    /// Their tables, in the order of [`TABLES`].
    pub(crate) stores: Vec<Store>,
}

impl Contexts {
    /// Opens the tables and starts every context, those that others ask first.
    pub(crate) async fn start(shared: Shared<'_>) -> anyhow::Result<Self> {
        let tables = Tables::open(shared.config, shared.engines, &shared.clock, &shared.ids).await?;
        let config = shared.config;
        let shops = pulse_shop::start(ShopDeps {
            store: tables.of("shop"),
            config: config.shop.context(),
            is_nearby_served: shared.is_serving,
        })
        .await?;
        let accounts = pulse_account::start(AccountDeps {
            store: tables.of("account"),
            keys: shared.keys,
            secret: shared.secret,
            codes: shared.codes,
            config: config.account.context(),
        })
        .await?;
        let ways = Ways {
            limiter: shared.limiter,
            outbound: shared.outbound,
            secret: shared.payment_secret,
            holder: shared.holder,
        };
        let trade = Trade::start(config, &tables, &shops.catalog, ways).await?;
        let Trade { stock, coupons, orders, payments, kitchens, sales } = trade;
        let consumers = [
            accounts.consumers,
            shops.consumers.clone(),
            stock.consumers,
            coupons.consumers,
            orders.consumers,
            payments.consumers,
            kitchens.consumers,
            sales.consumers,
        ];
        Ok(Self {
            accounts: accounts.client,
            shops,
            stock: stock.client,
            coupons: coupons.client,
            orders: orders.client,
            payments: payments.client,
            sandbox: payments.sandbox,
            kitchens: kitchens.client,
            sales: sales.client,
            ended: accounts.ended,
            consumers: consumers.into_iter().flatten().collect(),
            timers: vec![stock.timers, coupons.timers, orders.timers, payments.timers, kitchens.timers, sales.timers],
            sale_worker: Some(sales.worker),
            sale_keeper: Some(sales.keeper),
            stores: tables.0,
        })
    }

    /// The tables of a context.
    pub(crate) fn store(&self, context: &str) -> Option<&Store> {
        self.stores.iter().find(|store| store.context() == context)
    }

    /// Every route and gRPC service.
    pub(crate) fn serve(&self, edge: EdgeBuilder) -> EdgeBuilder {
        let admission = edge.admission();
        edge.routes(account_routes(&self.accounts))
            .routes(shop_routes(&self.shops.shops))
            .routes(catalog_routes(&self.shops.catalog))
            .routes(supplier_routes(&self.shops.suppliers))
            .routes(stock_routes(&self.stock))
            .routes(coupon_routes(&self.coupons))
            .routes(order_routes(&self.orders))
            .routes(payment_routes(&self.payments))
            .routes(kitchen_routes(&self.kitchens))
            .routes(sale_routes(&self.sales))
            .grpc(AccountGrpc::new(self.accounts.clone(), admission.clone()).into_server())
            .grpc(ShopGrpc::new(self.shops.shops.clone(), admission.clone()).into_server())
            .grpc(CatalogGrpc::new(self.shops.catalog.clone(), admission.clone()).into_server())
            .grpc(SupplierGrpc::new(self.shops.suppliers.clone(), admission.clone()).into_server())
            .grpc(StockGrpc::new(self.stock.clone(), admission.clone()).into_server())
            .grpc(CouponGrpc::new(self.coupons.clone(), admission.clone()).into_server())
            .grpc(OrderGrpc::new(self.orders.clone(), admission.clone()).into_server())
            .grpc(PaymentGrpc::new(self.payments.clone(), admission.clone()).into_server())
            .grpc(KitchenGrpc::new(self.kitchens.clone(), admission.clone()).into_server())
            .grpc(SaleGrpc::new(self.sales.clone(), admission).into_server())
    }
}

/// The tables of every context, in the order of [`TABLES`].
struct Tables(Vec<Store>);

impl Tables {
    async fn open(
        config: &Config,
        engines: &mut Engines,
        clock: &Clock,
        ids: &Arc<IdGenerator>,
    ) -> anyhow::Result<Self> {
        let mut stores = Vec::with_capacity(TABLES.len());
        for (context, migrations) in TABLES {
            let database = engines.of(config, context).await?;
            stores.push(Store::open(&database, context, migrations, clock.clone(), Arc::clone(ids)).await?);
        }
        Ok(Self(stores))
    }

    fn of(&self, context: &str) -> Store {
        let found = self.0.iter().find(|store| store.context() == context);
        found.expect("every context has its tables").clone()
    }
}

/// What those that trade reach out with.
struct Ways {
    limiter: Arc<dyn Limiter>,
    outbound: Arc<dyn Outbound>,
    secret: [u8; 32],
    holder: String,
}

/// The contexts that trade, each with the clients of those before it.
struct Trade {
    stock: Stocks,
    coupons: Coupons,
    orders: Orders,
    payments: Payments,
    kitchens: Kitchens,
    sales: Sales,
}

impl Trade {
    async fn start(
        config: &Config,
        tables: &Tables,
        catalog: &CatalogClient,
        Ways { limiter, outbound, secret, holder }: Ways,
    ) -> anyhow::Result<Self> {
        let stock = pulse_stock::start(StockDeps {
            store: tables.of("stock"),
            catalog: catalog.clone(),
            limiter: Arc::clone(&limiter),
            config: pulse_stock::StockConfig::default(),
        })
        .await?;
        let coupons = pulse_marketing::start(CouponDeps {
            store: tables.of("marketing"),
            stock: stock.client.clone(),
            config: pulse_marketing::CouponConfig {
                returned_kept_for: config.retention.returned_coupons,
                ..pulse_marketing::CouponConfig::default()
            },
        })
        .await?;
        let orders = pulse_order::start(OrderDeps {
            store: tables.of("order"),
            catalog: catalog.clone(),
            stock: stock.client.clone(),
            coupons: coupons.client.clone(),
            config: pulse_order::OrderConfig { cart_ttl: config.retention.carts, ..config.order.context() },
        })
        .await?;
        let payments = pulse_payment::start(PaymentDeps {
            store: tables.of("payment"),
            orders: orders.client.clone(),
            catalog: catalog.clone(),
            outbound,
            secret,
            config: config.payment.context(),
        })
        .await?;
        let kitchens = pulse_kitchen::start(KitchenDeps {
            store: tables.of("kitchen"),
            catalog: catalog.clone(),
            config: pulse_kitchen::KitchenConfig { keep_for: config.retention.kitchen_orders },
        })
        .await?;
        let sales = pulse_sale::start(SaleDeps {
            store: tables.of("sale"),
            catalog: catalog.clone(),
            coupons: coupons.client.clone(),
            stock: stock.client.clone(),
            orders: orders.client.clone(),
            limiter,
            sales: config.sale.engine(&holder)?,
            challenge: Arc::new(Quiz),
            config: config.sale.context(holder),
        })
        .await?;
        Ok(Self { stock, coupons, orders, payments, kitchens, sales })
    }
}
