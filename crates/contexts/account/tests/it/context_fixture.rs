//! The account context without a node, on a store that the test can read and write: for large numbers of rows, and for
//! lower limits than those of a node.

use std::sync::Arc;

use async_trait::async_trait;
use pulse_account::{AccountConfig, AccountDeps, Accounts, CodeSender, Destination, Secret, TABLES};
use pulse_context::Context;
use pulse_contract::account::v1::AccountClient;
use pulse_kernel::clock::VirtualClock;
use pulse_kernel::id::AccountId;
use pulse_kernel::snowflake::IdGenerator;
use pulse_kernel::{Actor, Clock, Cx, Error, Principal, Timestamp};
use pulse_store::{Commit, Database, Insert, Options, Statement, Store, values};
use pulse_testkit::Engine;
use pulse_testkit::servers::{self, Mariadb, Postgres};
use pulse_token::{Key, KeyRing};

/// Maximum number of followed accounts in this fixture.
pub(crate) const FOLLOWING_MAX: i64 = 3;

/// The context with its store and clock.
pub(crate) struct ContextFixture {
    pub(crate) accounts: AccountClient,
    pub(crate) store: Store,
    clock: VirtualClock,
    codes: Arc<Codes>,
    _server: Server,
}

/// Keeps the database server running until the end of the test.
enum Server {
    None,
    Postgres { _alive: Arc<Postgres> },
    Mariadb { _alive: Arc<Mariadb> },
}

/// Stores the newest text.
#[derive(Default)]
struct Codes(parking_lot::Mutex<String>);

#[async_trait]
impl CodeSender for Codes {
    fn check(&self, _to: &Destination) -> Result<(), Error> {
        Ok(())
    }

    async fn send(&self, _to: &Destination, text: &str) -> Result<(), Error> {
        text.clone_into(&mut self.0.lock());
        Ok(())
    }
}

/// Runs a behaviour on a fresh database of the engine.
pub(crate) fn run(engine: Engine, behaviour: impl AsyncFnOnce(&ContextFixture)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(async { behaviour(&ContextFixture::start(engine).await).await });
}

impl ContextFixture {
    async fn start(engine: Engine) -> Self {
        let (url, server) = fresh(engine);
        let database = Database::open(&url, Options::default()).await.unwrap();
        let clock = VirtualClock::starting_at(Timestamp::from_millis(1_777_867_200_000));
        let ids = Arc::new(IdGenerator::new(1));
        let store =
            Store::open(&database, "account", TABLES.migrations, Clock::Virtual(clock.clone()), ids).await.unwrap();
        let codes = Arc::new(Codes::default());
        let accounts = pulse_account::start(deps(&store, &codes)).await.unwrap().0.client;
        Self { accounts, store, clock, codes, _server: server }
    }

    /// Starts the context a second time on the same database, as another node does.
    pub(crate) async fn start_again(&self) -> (Accounts, Context) {
        pulse_account::start(deps(&self.store, &self.codes)).await.unwrap()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn advance(&self, duration: std::time::Duration) {
        self.clock.advance(duration);
    }

    /// The newest code.
    pub(crate) fn code(&self) -> String {
        self.codes.0.lock().split_at(6).0.to_owned()
    }

    pub(crate) fn cx(&self) -> Cx {
        Cx::system("test", self.now())
    }

    /// The context of a request with an access token of a session.
    pub(crate) fn cx_of(&self, account: i64, session: i64) -> Cx {
        let principal = Principal { account: AccountId::new(account), session, roles: vec![], shops: vec![] };
        self.cx().with_actor(Actor::Principal(principal.into()))
    }

    /// Writes sessions of an account.
    pub(crate) async fn put_sessions(&self, account: i64, ids: std::ops::Range<i64>, expires_at: Timestamp) {
        let columns = &["id", "account_id", "generation", "created_at", "expires_at", "ended_at"];
        let rows = ids.fold(Insert::into("account_sessions", columns), |rows, id| {
            rows.row(values![id, account, 1_i64, Timestamp::EPOCH, expires_at, 0_i64])
        });
        self.store.commit(&self.cx(), Commit::new().insert(rows)).await.unwrap();
    }

    /// Writes accounts.
    pub(crate) async fn put_accounts(&self, ids: std::ops::Range<i64>) {
        let columns = &[
            "id",
            "display_name",
            "avatar_url",
            "bio",
            "time_zone",
            "role_bits",
            "roles_changed_at",
            "follower_count",
            "following_count",
            "created_at",
            "version",
        ];
        let rows = ids.fold(Insert::into("account_accounts", columns), |rows, id| {
            rows.row(values![id, "Li Wei", "", "", "Asia/Shanghai", 0_i64, 0_i64, 0_i64, 0_i64, self.now(), 1_i64])
        });
        self.store.commit(&self.cx(), Commit::new().insert(rows)).await.unwrap();
    }

    /// The number that a query returns.
    pub(crate) async fn number(&self, query: &'static str) -> i64 {
        self.store.one(Statement::new(query, values![])).await.unwrap()
    }
}

fn deps(store: &Store, codes: &Arc<Codes>) -> AccountDeps {
    AccountDeps {
        store: store.clone(),
        keys: KeyRing::of(Key::generate().unwrap()),
        secret: Secret::new([7; 32]),
        codes: codes.clone(),
        config: AccountConfig { following_max: FOLLOWING_MAX, ..AccountConfig::default() },
    }
}

fn fresh(engine: Engine) -> (String, Server) {
    match engine {
        Engine::Sqlite => ("sqlite::memory:".to_owned(), Server::None),
        Engine::Postgres => {
            let server = servers::postgres().unwrap();
            (server.fresh_database().unwrap(), Server::Postgres { _alive: server })
        }
        Engine::MariaDb => {
            let server = servers::mariadb().unwrap();
            (server.fresh_database().unwrap(), Server::Mariadb { _alive: server })
        }
    }
}
