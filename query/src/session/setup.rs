//! How DataFusion is set up: one partition, a memory limit, a folder to spill to, nothing that depends on the machine.

use std::num::NonZeroUsize;
use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::digests::sha256_hex;
use crate::run::Failures;
use crate::sequential::SequentialUnions;

/// Rows a batch, where memory allows it.
const BATCH_ROWS: usize = 8192;

/// Memory that a session has for each row of a batch, so that sorts have room for a batch of every spilled run that they
/// merge.
const MEMORY_BYTES_PER_BATCH_ROW: usize = 16 << 10;

/// Spilled runs that are merged at once: what one merge holds is then a small part of the memory, and a query's other
/// sorts have the rest.
const MERGED_RUNS: usize = 8;

/// Consumers that an error about memory names.
const NAMED_CONSUMERS: NonZeroUsize = NonZeroUsize::new(5).expect("five is not zero");

/// A context without tables.
pub(super) fn context(failures: &Failures) -> Result<SessionContext> {
    let mut rules = PhysicalOptimizer::new().rules;
    rules.insert(0, Arc::new(SequentialUnions));
    let state = SessionStateBuilder::new_with_default_features()
        .with_config(config(failures.memory_bytes))
        .with_runtime_env(Arc::new(runtime(failures)?))
        .with_physical_optimizer_rules(rules)
        .build();
    let context = SessionContext::new_with_state(state);
    context.register_udf(sha256_hex());
    Ok(context)
}

fn runtime(failures: &Failures) -> Result<RuntimeEnv> {
    std::fs::create_dir_all(&failures.spill_folder)?;
    let disk = DiskManagerBuilder::default()
        .with_mode(DiskManagerMode::Directories(vec![failures.spill_folder.clone()]))
        .with_max_temp_directory_size(u64::MAX)
        .with_max_spill_merge_fan_in(MERGED_RUNS);
    let pool = TrackConsumersPool::new(FairSpillPool::new(failures.memory_bytes), NAMED_CONSUMERS);
    RuntimeEnvBuilder::new().with_disk_manager_builder(disk).with_memory_pool(Arc::new(pool)).build()
}

/// One partition, nothing that depends on the number of cores or on timing, names as they are written.
fn config(memory_bytes: usize) -> SessionConfig {
    let batch_rows = (memory_bytes / MEMORY_BYTES_PER_BATCH_ROW).clamp(BATCH_ROWS / 16, BATCH_ROWS);
    let mut config = SessionConfig::new().with_target_partitions(1).with_batch_size(batch_rows);
    let options = config.options_mut();
    options.sql_parser.enable_ident_normalization = false;
    options.sql_parser.map_string_types_to_utf8view = false;
    options.sql_parser.collect_spans = true;
    options.optimizer.enable_round_robin_repartition = false;
    options.optimizer.enable_dynamic_filter_pushdown = false;
    options.optimizer.enable_join_dynamic_filter_pushdown = false;
    options.optimizer.enable_aggregate_dynamic_filter_pushdown = false;
    options.optimizer.enable_topk_dynamic_filter_pushdown = false;
    options.execution.planning_concurrency = 1;
    options.execution.sort_spill_reservation_bytes = (memory_bytes / 16).clamp(64 << 10, 10 << 20);
    config
}
