//! How the credentials are, for those who watch the gateway.

use super::ProviderRouter;
use crate::metrics::CredentialRest;

impl ProviderRouter {
    /// Every credential, in the order of the configuration, and whether it rests now.
    #[must_use]
    pub fn rests(&self) -> Vec<CredentialRest> {
        let snapshot = self.0.shared.snapshot.load();
        let now = self.0.clock.now();
        let of = |member: &super::table::Member| {
            let resting = snapshot.cooldowns.resting(member.id, now);
            CredentialRest {
                provider: member.credential.provider.to_string(),
                credential: member.credential.id.to_string(),
                rests: resting.whole,
                models: resting.models,
            }
        };
        self.0.routes.table.members().iter().map(|member| of(member)).collect()
    }
}
