//! `ModelService`: the registry of the workspace.

use artifacts::registry::{self, ModelSummary};
use artifacts::{Workspace, layout};
use proto::api::v1::model_service_server::ModelService;
use proto::api::{timestamp, v1};
use spec::{AliasName, ModelName, ModelReference, Version};
use tonic::{Request, Response, Status};

use super::gate;
use super::status::ApiError;

/// Answers from the workspace.
pub(super) struct Models {
    pub(super) workspace: Workspace,
}

type Answer<T> = Result<Response<T>, Status>;

fn model(summary: &ModelSummary) -> v1::Model {
    v1::Model {
        name: summary.model.to_string(),
        versions: summary.versions.iter().map(|version| version.0).collect(),
        aliases: summary.aliases.iter().map(|(alias, version)| (alias.to_string(), version.0)).collect(),
    }
}

impl Models {
    async fn list(&self) -> Result<v1::ListModelsResponse, ApiError> {
        let models = registry::list_models(&self.workspace).await?;
        Ok(v1::ListModelsResponse { models: models.iter().map(model).collect() })
    }

    async fn get(&self, name: &str) -> Result<v1::GetModelResponse, ApiError> {
        let missing = |_| ApiError::Missing { what: "model", name: name.to_owned() };
        let name: ModelName = name.parse().map_err(missing)?;
        let visible = registry::visible_versions(&self.workspace, &name).await?;
        if visible.is_empty() {
            // Says which models there are.
            registry::read_manifest(&self.workspace, &name, Version(1)).await?;
        }
        let aliases = registry::aliases(&self.workspace, &name).await?;
        let summary = ModelSummary { model: name, versions: visible, aliases };
        let mut versions = Vec::with_capacity(summary.versions.len());
        for number in &summary.versions {
            versions.push(self.version(&summary, *number).await?);
        }
        Ok(v1::GetModelResponse { model: Some(model(&summary)), versions })
    }

    async fn version(&self, summary: &ModelSummary, version: Version) -> Result<v1::ModelVersion, ApiError> {
        let manifest = registry::read_manifest(&self.workspace, &summary.model, version).await?.body;
        let pointing = summary.aliases.iter().filter(|(_, pointed)| **pointed == version);
        let folder = self.workspace.url_of_folder(&layout::model_version(&summary.model, version));
        Ok(v1::ModelVersion {
            version: version.0,
            aliases: pointing.map(|(alias, _)| alias.to_string()).collect(),
            create_time: Some(timestamp(manifest.created)),
            run_id: manifest.run.to_string(),
            program: manifest.program,
            report_url: format!("{folder}/report.html"),
            url: folder,
            measures_json: manifest.metrics.to_string(),
        })
    }

    async fn promote(&self, request: v1::PromoteModelRequest) -> Result<v1::PromoteModelResponse, ApiError> {
        let v1::PromoteModelRequest { model, alias } = request;
        let field = |field, reason: String| ApiError::Field { field, reason };
        let reference: ModelReference =
            model.parse().map_err(|error| field("model", format!("{error}: write name@version or name@alias")))?;
        let alias: AliasName = alias.parse().map_err(|error| field("alias", format!("{error}")))?;
        let version = registry::resolve(&self.workspace, &reference).await?;
        registry::set_alias(&self.workspace, &reference.model, &alias, version, None).await?;
        let (model, alias) = (reference.model.to_string(), alias.to_string());
        Ok(v1::PromoteModelResponse { model, alias, version: version.0 })
    }
}

#[tonic::async_trait]
impl ModelService for Models {
    async fn list_models(&self, _: Request<v1::ListModelsRequest>) -> Answer<v1::ListModelsResponse> {
        Ok(Response::new(self.list().await?))
    }

    async fn get_model(&self, request: Request<v1::GetModelRequest>) -> Answer<v1::GetModelResponse> {
        Ok(Response::new(self.get(&request.into_inner().name).await?))
    }

    async fn promote_model(&self, request: Request<v1::PromoteModelRequest>) -> Answer<v1::PromoteModelResponse> {
        let caller = gate::caller_of(&request)?.clone();
        let promoted = self.promote(request.into_inner()).await?;
        let v1::PromoteModelResponse { model, alias, version } = &promoted;
        tracing::info!(%model, %alias, version, by = %caller.name, "promoted");
        Ok(Response::new(promoted))
    }
}
