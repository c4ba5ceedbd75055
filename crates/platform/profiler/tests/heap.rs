//! The heap profile shows who holds the memory. The allocator is asked to watch when it starts, so the test runs
//! itself again with that wish.

use std::process::Command;

use pulse_telemetry::profile;

#[global_allocator]
static ALLOCATOR: pulse_profiler::Jemalloc = pulse_profiler::Jemalloc;

/// PL-52: a heap profile can be taken while the process runs, again and again, so that two can be compared.
#[test]
fn a_heap_profile_can_be_taken() {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "in_the_child", "--nocapture"])
        .env("_RJEM_MALLOC_CONF", "prof:true,prof_active:false,lg_prof_sample:12")
        .env("PULSE_HEAP_CHILD", "1")
        .status()
        .unwrap();
    assert!(child.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_the_child() {
    pulse_profiler::install();
    if std::env::var_os("PULSE_HEAP_CHILD").is_none() {
        assert!(matches!(profile::heap().await, Err(profile::ProfileError::NotBuilt)), "nobody asked it to watch");
        return;
    }
    let base = profile::heap().await.unwrap();
    let kept: Vec<Vec<u8>> = (0..1_000).map(|_| vec![1; 16_384]).collect();
    let after = profile::heap().await.unwrap();
    assert_eq!(after[..2], [0x1f, 0x8b], "gzip");
    assert!(after.len() > base.len(), "{} after {} before", after.len(), base.len());
    drop(kept);
}
