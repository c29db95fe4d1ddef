"""The OpenAPI document is true: the whole interface is driven from it.

Schemathesis makes requests that the document allows and requests that it forbids, and compares every answer with it:
status, headers, schema, and that what is forbidden is refused. One undocumented status is a failure.
"""

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS

from server import Server

EXAMPLES = 40


class Session:
    """The access token that requests are made with. Some requests sign it out; then another is made."""

    server = None
    token = None

    @classmethod
    def current(cls):
        if cls.token is None:
            cls.token = cls.server.sign_in()["access_token"]
        return cls.token


@schemathesis.auth(refresh_interval=None)
class AccessToken:
    def get(self, case, context):
        return Session.current()

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def after_call(context, case, response):
    if case.method == "DELETE" and response.status_code == 204:
        Session.token = None


@pytest.fixture(scope="session")
def server():
    with Server() as server:
        Session.server = server
        yield server


@pytest.fixture(scope="session")
def document(server):
    ada, ben = server.sign_in(), server.sign_in("ben")
    body = {"kind": "direct", "members": [ben["profile"]["account"]]}
    conversation = server.post("/api/v1/conversations", body, ada["access_token"])["conversation"]
    for text in ("bonjour", "un deux trois"):
        server.post(f"/api/v1/conversations/{conversation}/messages", {"text": text}, ada["access_token"])
    return schemathesis.openapi.from_url(server.url + "/api/docs/openapi.json")


api = schemathesis.pytest.from_fixture("document")


@api.parametrize()
@settings(max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_documented(case):
    case.call_and_validate()


def test_a_story_across_routes_is_documented(document):
    workflow = document.as_state_machine()
    workflow.run(settings=settings(
        max_examples=15, stateful_step_count=8, derandomize=True, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    ))


def test_every_check_of_schemathesis_takes_part():
    assert {"not_a_server_error", "status_code_conformance", "negative_data_rejection", "ignored_auth"} <= set(
        check.__name__ for check in CHECKS.get_all()
    )


def test_a_secret_from_the_document_is_accepted_as_documented(server, document):
    """What random data can hardly guess: an invite, and a refresh token."""
    body = {"invite": server.invite(), "password": "a long password", "device_name": "phone"}
    case = document["/api/v1/invites/accept"]["POST"].Case(body=body, media_type="application/json")
    answer = case.call_and_validate()
    assert answer.status_code == 200
    body = {"refresh_token": answer.json()["refresh_token"]}
    case = document["/api/v1/sessions/refresh"]["POST"].Case(body=body, media_type="application/json")
    assert case.call_and_validate().status_code == 200
