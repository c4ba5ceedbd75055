//! One behaviour, a test per engine.

use pulse_node::Config;

use crate::{Engine, TestNode};

/// Makes a test of each behaviour for each engine: `sqlite::codes::a_code_works_once`, `postgres::…`, `mariadb::…`.
///
/// Stands once in the root of a test binary and lists its modules with their behaviours, which are
/// `pub(crate) async fn(&mut TestNode)`. Tests run in the order of their names, so those of an engine share its server.
#[macro_export]
#[expect(clippy::crate_in_macro_def, reason = "the behaviours are modules of the test binary that lists them")]
macro_rules! on_every_engine {
    ($($module:ident: [$($behaviour:ident),+ $(,)?]),+ $(,)?) => {
        $crate::on_every_engine!(@ mariadb MariaDb { $($module: [$($behaviour),+])+ });
        $crate::on_every_engine!(@ postgres Postgres { $($module: [$($behaviour),+])+ });
        $crate::on_every_engine!(@ sqlite Sqlite { $($module: [$($behaviour),+])+ });
    };
    (@ $name:ident $engine:ident { $($module:ident: [$($behaviour:ident),+])+ }) => {
        mod $name {
            $(mod $module {
                $(
                    #[test]
                    fn $behaviour() {
                        $crate::run($crate::Engine::$engine, crate::$module::$behaviour);
                    }
                )+
            })+
        }
    };
}

/// Starts a node, lets the behaviour do what it does, and makes sure that nothing is left undelivered.
///
/// # Panics
/// When the behaviour does, or when something is left.
pub fn run(engine: Engine, behaviour: impl AsyncFnOnce(&mut TestNode)) {
    run_with(engine, |_config| {}, behaviour);
}

/// As [`run`], with a changed configuration.
///
/// # Panics
/// As [`run`].
pub fn run_with(engine: Engine, change: impl FnOnce(&mut Config), behaviour: impl AsyncFnOnce(&mut TestNode)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime starts").block_on(async {
        let mut node = TestNode::start_with(engine, change).await;
        behaviour(&mut node).await;
        node.finish().await;
    });
}
