"""Tables that migrations make."""

from django.db import models


class Plant(models.Model):
    name = models.CharField(max_length=40, unique=True)
    height = models.IntegerField(default=1, db_index=True)
    remark = models.TextField(null=True)

    class Meta:
        constraints = [  # noqa: RUF012
            models.CheckConstraint(condition=models.Q(height__gt=0), name="plant_height")
        ]
