//! Starts every context on its own tables, with the clients of the contexts that it calls.

use std::sync::Arc;

use anyhow::Context as _;
use pulse_account::{AccountDeps, Accounts, CodeSender, Secret};
use pulse_context::{Context, Tables};
use pulse_contract::kitchen::v1::KitchenClient;
use pulse_contract::marketing::v1::CouponClient;
use pulse_contract::order::v1::OrderClient;
use pulse_contract::sale::v1::SaleClient;
use pulse_contract::shop::v1::CatalogClient;
use pulse_contract::stock::v1::StockClient;
use pulse_favourite::FavouriteDeps;
use pulse_kernel::{Clock, IdGenerator};
use pulse_kitchen::{KitchenDeps, Kitchens};
use pulse_limiter::Limiter;
use pulse_limiter::admission::{AdmissionEngine, MemoryAdmissionEngine, RedisAdmissionEngine, RedisAdmissionOptions};
use pulse_marketing::CouponDeps;
use pulse_order::{OnlineAmountCheck, OrderDeps};
use pulse_payment::{Outbound, PaymentDeps, Payments};
use pulse_sale::{Quiz, SaleDeps};
use pulse_shop::{ShopDeps, Shops};
use pulse_stock::StockDeps;
use pulse_store::Store;
use pulse_token::KeyRing;

use crate::config::Config;
use crate::engines::Engines;

/// Dependencies of the contexts.
pub(crate) struct Wiring<'a> {
    pub(crate) config: &'a Config,
    pub(crate) engines: &'a mut Engines,
    pub(crate) clock: Clock,
    pub(crate) ids: Arc<IdGenerator>,
    pub(crate) keys: KeyRing,
    /// Derives one-time codes and refresh tokens.
    pub(crate) secret: Secret,
    pub(crate) codes: Arc<dyn CodeSender>,
    /// Whether this process serves clients; a command that works on the data does not.
    pub(crate) is_serving: bool,
    pub(crate) limiter: Arc<dyn Limiter>,
    /// HTTP client for payment providers.
    pub(crate) outbound: Arc<dyn Outbound>,
    /// Secret that signs the webhooks of the sandbox.
    pub(crate) payment_secret: [u8; 32],
    /// Name of this node, unique among the nodes that share a database.
    pub(crate) holder: String,
}

/// Typed clients of the contexts.
pub(crate) struct Clients {
    pub(crate) shops: Shops,
    pub(crate) accounts: Accounts,
    pub(crate) stock: StockClient,
    pub(crate) coupons: CouponClient,
    pub(crate) orders: OrderClient,
    pub(crate) payments: Payments,
    pub(crate) kitchens: KitchenClient,
    pub(crate) sales: SaleClient,
}

impl Wiring<'_> {
    /// Starts every context. Called contexts start before their callers.
    pub(crate) async fn start(mut self) -> anyhow::Result<(Clients, Vec<Context>)> {
        let (shops, shop) = self.shops().await?;
        let (accounts, account) = self.accounts().await?;
        let catalog = &shops.catalog;
        let (stock, stocks) = self.stock(catalog).await?;
        let (coupons, marketing) = self.coupons(&stock).await?;
        let (orders, order) = self.orders(catalog, &stock, &coupons).await?;
        let (payments, payment) = self.payments(catalog, &orders).await?;
        let (kitchens, kitchen) = self.kitchens(catalog).await?;
        let (sales, sale) = self.sales(catalog, (&coupons, &stock, &orders)).await?;
        let store = self.open(pulse_favourite::TABLES).await?;
        let favourites = FavouriteDeps { store, shops: shops.shops.clone(), catalog: catalog.clone() };
        let (_, favourite) = pulse_favourite::start(favourites);
        let kitchens = kitchens.client;
        let clients = Clients { shops, accounts, stock, coupons, orders, payments, kitchens, sales };
        Ok((clients, vec![shop, account, stocks, marketing, order, payment, kitchen, sale, favourite]))
    }

    async fn shops(&mut self) -> anyhow::Result<(Shops, Context)> {
        let (store, config) = (self.open(pulse_shop::TABLES).await?, self.config.shop.clone());
        Ok(pulse_shop::start(ShopDeps { store, config, is_nearby_served: self.is_serving }).await?)
    }

    async fn accounts(&mut self) -> anyhow::Result<(Accounts, Context)> {
        let deps = AccountDeps {
            store: self.open(pulse_account::TABLES).await?,
            keys: self.keys.clone(),
            secret: self.secret.clone(),
            codes: Arc::clone(&self.codes),
            config: self.config.account.clone(),
        };
        Ok(pulse_account::start(deps).await?)
    }

    async fn stock(&mut self, catalog: &CatalogClient) -> anyhow::Result<(StockClient, Context)> {
        let deps = StockDeps {
            store: self.open(pulse_stock::TABLES).await?,
            catalog: catalog.clone(),
            limiter: Arc::clone(&self.limiter),
            config: self.config.stock.clone(),
        };
        Ok(pulse_stock::start(deps).await?)
    }

    async fn coupons(&mut self, stock: &StockClient) -> anyhow::Result<(CouponClient, Context)> {
        let deps = CouponDeps {
            store: self.open(pulse_marketing::TABLES).await?,
            stock: stock.clone(),
            config: self.config.marketing.clone(),
            retention: self.config.retention.clone(),
        };
        Ok(pulse_marketing::start(deps).await?)
    }

    async fn orders(
        &mut self,
        catalog: &CatalogClient,
        stock: &StockClient,
        coupons: &CouponClient,
    ) -> anyhow::Result<(OrderClient, Context)> {
        let deps = OrderDeps {
            store: self.open(pulse_order::TABLES).await?,
            catalog: catalog.clone(),
            stock: stock.clone(),
            coupons: coupons.clone(),
            online_amounts: self.online_amounts(),
            config: self.config.order.clone(),
            retention: self.config.retention.clone(),
        };
        Ok(pulse_order::start(deps).await?)
    }

    /// Checks whether the payment providers of the configuration can charge an amount.
    fn online_amounts(&self) -> OnlineAmountCheck {
        let config = self.config.payment.clone();
        Arc::new(move |amount| pulse_payment::check_amount(&config, amount).map_err(|problem| problem.to_string()))
    }

    async fn payments(&mut self, catalog: &CatalogClient, orders: &OrderClient) -> anyhow::Result<(Payments, Context)> {
        let deps = PaymentDeps {
            store: self.open(pulse_payment::TABLES).await?,
            orders: orders.clone(),
            catalog: catalog.clone(),
            outbound: Arc::clone(&self.outbound),
            secret: self.payment_secret,
            config: self.config.payment.clone(),
            retention: self.config.retention.clone(),
        };
        Ok(pulse_payment::start(deps).await?)
    }

    async fn kitchens(&mut self, catalog: &CatalogClient) -> anyhow::Result<(Kitchens, Context)> {
        let (store, retention) = (self.open(pulse_kitchen::TABLES).await?, self.config.retention.clone());
        Ok(pulse_kitchen::start(KitchenDeps { store, catalog: catalog.clone(), retention }).await?)
    }

    async fn sales(
        &mut self,
        catalog: &CatalogClient,
        (coupons, stock, orders): (&CouponClient, &StockClient, &OrderClient),
    ) -> anyhow::Result<(SaleClient, Context)> {
        let deps = SaleDeps {
            store: self.open(pulse_sale::TABLES).await?,
            catalog: catalog.clone(),
            coupons: coupons.clone(),
            stock: stock.clone(),
            orders: orders.clone(),
            limiter: Arc::clone(&self.limiter),
            sales: self.admission_engine()?,
            challenge: Arc::new(Quiz),
            holder: self.holder.clone(),
            config: self.config.sale.clone(),
        };
        Ok(pulse_sale::start(deps).await?)
    }

    async fn open(&mut self, tables: Tables) -> anyhow::Result<Store> {
        let database = self.engines.of(self.config, tables.context).await?;
        let (clock, ids) = (self.clock.clone(), Arc::clone(&self.ids));
        Ok(Store::open(&database, tables.context, tables.migrations, clock, ids).await?)
    }

    /// Creates the admission engine of flash sales: in the memory of this node, or in a Redis that several nodes share.
    fn admission_engine(&self) -> anyhow::Result<Arc<dyn AdmissionEngine>> {
        Ok(match self.config.sale.redis.expose() {
            "" => Arc::new(MemoryAdmissionEngine::new()),
            url => {
                let engine = RedisAdmissionEngine::new(RedisAdmissionOptions::new(url, &self.holder));
                Arc::new(engine.context("sale.redis must be the URL of a Redis")?)
            }
        })
    }
}
