//! `AudienceService`: what is published in the workspace.

use artifacts::audience::{self, AudienceManifest};
use artifacts::{Workspace, layout};
use proto::api::v1::audience_service_server::AudienceService;
use proto::api::{timestamp, v1};
use spec::AudienceName;
use tonic::{Request, Response, Status};

use super::status::ApiError;

/// Answers from the workspace.
pub(super) struct Audiences {
    pub(super) workspace: Workspace,
}

type Answer<T> = Result<Response<T>, Status>;

impl Audiences {
    async fn list(&self) -> Result<v1::ListAudiencesResponse, ApiError> {
        let mut audiences = Vec::new();
        for name in audience::list_audiences(&self.workspace).await? {
            let latest = audience::latest(&self.workspace, &name).await?;
            audiences.extend(latest.map(|published| self.current(&published.manifest)));
        }
        Ok(v1::ListAudiencesResponse { audiences })
    }

    async fn get(&self, name: &str) -> Result<v1::GetAudienceResponse, ApiError> {
        let missing = || ApiError::Missing { what: "published audience", name: name.to_owned() };
        let audience: AudienceName = name.parse().map_err(|_| missing())?;
        let latest = audience::latest(&self.workspace, &audience).await?.ok_or_else(missing)?;
        let history = audience::history(&self.workspace, &audience).await?;
        let published = history.iter().map(|pointer| v1::AudiencePublication {
            version: pointer.version.0,
            publish_time: Some(timestamp(pointer.at)),
            run_id: pointer.run.to_string(),
        });
        Ok(v1::GetAudienceResponse { audience: Some(self.current(&latest.manifest)), history: published.collect() })
    }

    fn current(&self, manifest: &AudienceManifest) -> v1::Audience {
        let tiers = manifest.tiers.iter().map(|(name, tier)| v1::AudienceTier {
            name: name.to_string(),
            people: tier.people,
            holdout: tier.holdout,
        });
        v1::Audience {
            name: manifest.audience.to_string(),
            version: manifest.version.0,
            size: manifest.selected,
            create_time: Some(timestamp(manifest.created)),
            expire_time: manifest.expires_at.map(timestamp),
            model: format!("{}@{}", manifest.model.model, manifest.model.version),
            run_id: manifest.run.to_string(),
            manifest_url: self.workspace.url_of(&layout::audience_manifest(&manifest.audience, manifest.version)),
            population: manifest.population,
            eligible: manifest.eligible,
            tiers: tiers.collect(),
        }
    }
}

#[tonic::async_trait]
impl AudienceService for Audiences {
    async fn list_audiences(&self, _: Request<v1::ListAudiencesRequest>) -> Answer<v1::ListAudiencesResponse> {
        Ok(Response::new(self.list().await?))
    }

    async fn get_audience(&self, request: Request<v1::GetAudienceRequest>) -> Answer<v1::GetAudienceResponse> {
        Ok(Response::new(self.get(&request.into_inner().name).await?))
    }
}
