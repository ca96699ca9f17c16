"""The specializations that doctors have and calls ask for."""

from enum import StrEnum


class Specialization(StrEnum):
    """A medical specialization of the house-call service."""

    THERAPIST = "therapist"
    PEDIATRICIAN = "pediatrician"
    CARDIOLOGIST = "cardiologist"
    NEUROLOGIST = "neurologist"
    OTOLARYNGOLOGIST = "otolaryngologist"
    SURGEON = "surgeon"
    DERMATOLOGIST = "dermatologist"
    GASTROENTEROLOGIST = "gastroenterologist"
    GYNECOLOGIST = "gynecologist"
    UROLOGIST = "urologist"
    OPHTHALMOLOGIST = "ophthalmologist"
    ORTHOPEDIST = "orthopedist"
    ENDOCRINOLOGIST = "endocrinologist"
    PSYCHIATRIST = "psychiatrist"
