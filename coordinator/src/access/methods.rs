//! The one table of what each method of the API needs.

use super::{Caller, Denied, Role};

/// A method of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Method {
    /// `/package.Service/Method`
    pub(crate) path: &'static str,
    needs: Needs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// No token: probes have none.
    Nothing,
    /// A token of this role.
    Role(Role),
}

const fn open(path: &'static str) -> Method {
    Method { path, needs: Needs::Nothing }
}

const fn viewer(path: &'static str) -> Method {
    Method { path, needs: Needs::Role(Role::Viewer) }
}

const fn submitter(path: &'static str) -> Method {
    Method { path, needs: Needs::Role(Role::Submitter) }
}

const fn admin(path: &'static str) -> Method {
    Method { path, needs: Needs::Role(Role::Admin) }
}

/// Every method that is served. What is not here is not let through.
const METHODS: [Method; 24] = [
    submitter("/kindred.api.v1.SubmissionService/Submit"),
    viewer("/kindred.api.v1.SubmissionService/ListSubmissions"),
    viewer("/kindred.api.v1.SubmissionService/GetSubmission"),
    viewer("/kindred.api.v1.SubmissionService/WatchSubmission"),
    submitter("/kindred.api.v1.SubmissionService/CancelSubmission"),
    submitter("/kindred.api.v1.SubmissionService/RetrySubmission"),
    viewer("/kindred.api.v1.RunService/ListRuns"),
    viewer("/kindred.api.v1.RunService/GetRun"),
    viewer("/kindred.api.v1.RunService/WatchRun"),
    viewer("/kindred.api.v1.RunService/ReadLogs"),
    viewer("/kindred.api.v1.ScheduleService/ListSchedules"),
    viewer("/kindred.api.v1.ScheduleService/GetSchedule"),
    submitter("/kindred.api.v1.ScheduleService/PauseSchedule"),
    submitter("/kindred.api.v1.ScheduleService/ResumeSchedule"),
    submitter("/kindred.api.v1.ScheduleService/RemoveSchedule"),
    viewer("/kindred.api.v1.ModelService/ListModels"),
    viewer("/kindred.api.v1.ModelService/GetModel"),
    admin("/kindred.api.v1.ModelService/PromoteModel"),
    viewer("/kindred.api.v1.AudienceService/ListAudiences"),
    viewer("/kindred.api.v1.AudienceService/GetAudience"),
    open("/grpc.health.v1.Health/Check"),
    open("/grpc.health.v1.Health/Watch"),
    viewer("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"),
    viewer("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"),
];

/// The method that a request's path names; `None` where there is none.
pub(crate) fn method_of(path: &str) -> Option<Method> {
    METHODS.into_iter().find(|method| method.path == path)
}

impl Method {
    /// Whether a caller may use it. One that needs no token takes anybody.
    pub(crate) fn admit(&self, caller: Result<Caller, Denied>) -> Result<Option<Caller>, Denied> {
        let Needs::Role(needed) = self.needs else { return Ok(caller.ok()) };
        let caller = caller?;
        if caller.role >= needed {
            return Ok(Some(caller));
        }
        let Caller { name, role } = caller;
        Err(Denied::Role { method: self.name(), needed, name, role })
    }

    /// Its name without package and service.
    fn name(&self) -> &'static str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;

    fn paths_of(descriptors: &[u8]) -> Vec<String> {
        let files = FileDescriptorSet::decode(descriptors).unwrap().file;
        let services = files.iter().flat_map(|file| file.service.iter().map(|service| (file.package(), service)));
        let methods = services.flat_map(|(package, service)| {
            service.method.iter().map(move |method| format!("/{package}.{}/{}", service.name(), method.name()))
        });
        methods.collect()
    }

    fn served() -> Vec<String> {
        let all = [
            proto::api::DESCRIPTORS,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ];
        all.into_iter().flat_map(paths_of).collect()
    }

    #[test]
    fn every_method_that_is_served_is_in_the_table_and_nothing_else() {
        let mut served = served();
        let mut listed: Vec<String> = METHODS.iter().map(|method| method.path.to_owned()).collect();
        served.sort();
        listed.sort();
        assert_eq!(listed, served);
    }

    #[test]
    fn what_changes_something_needs_more_than_to_see() {
        for method in METHODS.iter().filter(|method| method.path.starts_with("/kindred.")) {
            let is_reading = ["List", "Get", "Watch", "Read"].iter().any(|verb| method.name().starts_with(verb));
            let is_for_viewers = method.needs == Needs::Role(Role::Viewer);
            assert_eq!(is_reading, is_for_viewers, "{}", method.path);
        }
    }

    #[test]
    fn a_role_that_is_too_low_is_told_which_one_is_needed() {
        let caller = |role| Ok(Caller { name: "ana".parse().unwrap(), role });
        let promote = method_of("/kindred.api.v1.ModelService/PromoteModel").unwrap();
        assert!(promote.admit(caller(Role::Admin)).is_ok());
        let denied = promote.admit(caller(Role::Submitter)).unwrap_err().to_string();
        assert_eq!(denied, "PromoteModel needs the role admin, and the token of ana has the role submitter");
        assert_eq!(promote.admit(Err(Denied::UnknownToken)), Err(Denied::UnknownToken));
        let check = method_of("/grpc.health.v1.Health/Check").unwrap();
        assert_eq!(check.admit(Err(Denied::NoToken)), Ok(None));
        assert_eq!(method_of("/kindred.api.v1.ModelService/DeleteModel"), None);
    }
}
