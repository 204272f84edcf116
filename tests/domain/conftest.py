"""A small catalogue, built in memory, for tests of rules and ladder."""

import pytest

from mapper_domain.catalog import Catalog
from mapper_domain.detectors import Detector, LabelMapping
from mapper_domain.frameworks import Control, Evidence, Framework, Frameworks
from mapper_domain.taxonomy import Label, Taxonomy


@pytest.fixture(scope="session")
def small_catalog() -> Catalog:
    """Three detectors that agree on `EMAIL` and disagree on `PERSON`."""
    return Catalog(
        taxonomy=Taxonomy(
            version="2026.11",
            labels=(
                Label(name="PII.Contact.Email", aliases=("email", "email_address")),
                Label(name="PII.Person.Name", aliases=("person_name",)),
                Label(name="PII.Identifier.SSN", aliases=("ssn",)),
                Label(name="HARM.SPEECH.Toxicity", aliases=("toxic", "toxicity")),
                Label(name="HARM.SPEECH.Insult", aliases=("insult",)),
                Label(name="HARM.VIOLENCE.Physical", aliases=("violence",)),
                Label(name="HARM.SPEECH.Hate.Other", aliases=("hate",)),
                Label(name="OTHER.Safe", aliases=("safe",)),
                Label(name="OTHER.ModelError"),
                Label(name="OTHER.Unknown"),
            ),
        ),
        detectors=(
            Detector(
                name="first",
                version="v1",
                maps=(
                    LabelMapping(label="EMAIL", taxonomy=("PII.Contact.Email",)),
                    LabelMapping(label="PERSON", taxonomy=("PII.Person.Name",)),
                    LabelMapping(label="S1", taxonomy=("HARM.VIOLENCE.Physical",), opaque=True),
                ),
            ),
            Detector(
                name="second",
                version="v1",
                maps=(
                    LabelMapping(label="E-Mail", taxonomy=("PII.Contact.Email",)),
                    LabelMapping(label="PERSON", taxonomy=("PII.Identifier.SSN",)),
                    LabelMapping(
                        label="toxic", taxonomy=("HARM.SPEECH.Toxicity", "HARM.SPEECH.Insult"), relation="all"
                    ),
                    LabelMapping(label="status", field="prompt", taxonomy=("OTHER.Safe",)),
                    LabelMapping(label="status", field="response", taxonomy=("HARM.SPEECH.Toxicity",)),
                ),
            ),
        ),
        frameworks=Frameworks(
            version="2026.11",
            editions=(
                Framework(
                    key="SOC2",
                    edition="2017",
                    title="SOC 2",
                    status="current",
                    controls=(Control(id="CC7.2", summary="Watch for anomalies"),),
                ),
            ),
            evidence=(
                Evidence(label="PII", control="SOC2@2017:CC7.2", role="detective"),
                Evidence(label="HARM.SPEECH", control="SOC2@2017:CC7.2", role="exception", condition="tenant.scope.x"),
            ),
            resolutions={"SOC2:CC7.2": "SOC2@2017:CC7.2"},
        ),
    )
