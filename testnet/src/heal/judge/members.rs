//! Claims about members: connections, validators, signatures.

use super::Outcome;
use crate::heal::record::Record;
use crate::heal::scenario::{Limit, Who};
use crate::heal::stage::Stage;
use blockchat_proto::units::Height;
use std::time::{Duration, Instant};
use tokio::time::sleep;

impl Stage<'_> {
    pub(super) async fn all_connected(&self, limit: &Limit) -> Outcome {
        let nodes = self.present();
        let wanted = nodes.len().saturating_sub(1);
        self.each(&nodes, limit, "connected_ms", |record, node| {
            (usize::try_from(record.tracks[node].peers).unwrap_or(0) >= wanted).then(Instant::now)
        })
        .await
    }

    pub(super) async fn signs_nothing(&self, who: Who, during: Duration) -> Outcome {
        let nodes = self.nodes_of(who).await;
        let from = self.height_of_all().next();
        sleep(during).await;
        // Without blocks no member could have signed any.
        let some = |record: &Record| {
            record.tracks.iter().any(|track| track.ticks.last().is_some_and(|last| last.height.0 >= from.0 + 2))
        };
        let came = self.until(self.plan.patience, |record| some(record).then_some(())).await;
        let to = self.height_of_all();
        let (mut seen, mut signed) = (0_u64, 0_u64);
        for height in from.0..=to.0 {
            let Some(block) = self.block(Height(height)).await else {
                continue;
            };
            seen += 1;
            signed += u64::from(nodes.iter().any(|node| block.signers.contains(&self.network.addresses()[*node])));
        }
        let said = format!("of {seen} blocks they signed {signed}");
        Outcome::of(came.is_some() && seen > 0 && signed == 0, said).with("blocks", seen).with("signed", signed)
    }

    pub(super) async fn validators(&self, count: usize, limit: &Limit) -> Outcome {
        let nodes = self.present();
        self.each(&nodes, limit, "validators_ms", |record, node| {
            (record.tracks[node].validators == count).then(Instant::now)
        })
        .await
    }
}
