//! One behaviour, a test per engine.

use crate::{Engine, TestNode};

/// Makes a test of each behaviour for each engine: `sqlite::a_code_works_once`, `postgres::…`, `mariadb::…`.
///
/// Stands once in a module, below its behaviours, which are `async fn(&mut TestNode)`.
#[macro_export]
macro_rules! on_every_engine {
    ($($behaviour:ident),+ $(,)?) => {
        $crate::on_every_engine!(@ mariadb, MariaDb, $($behaviour),+);
        $crate::on_every_engine!(@ postgres, Postgres, $($behaviour),+);
        $crate::on_every_engine!(@ sqlite, Sqlite, $($behaviour),+);
    };
    (@ $module:ident, $engine:ident, $($behaviour:ident),+) => {
        mod $module {
            $(
                #[test]
                fn $behaviour() {
                    $crate::run($crate::Engine::$engine, super::$behaviour);
                }
            )+
        }
    };
}

/// Starts a node, lets the behaviour do what it does, and makes sure that nothing is left undelivered.
///
/// # Panics
/// When the behaviour does, or when something is left.
pub fn run(engine: Engine, behaviour: impl AsyncFnOnce(&mut TestNode)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime starts").block_on(async {
        let mut node = TestNode::start(engine).await;
        behaviour(&mut node).await;
        node.finish().await;
    });
}
