package main

import (
	corev1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// slices are the EndpointSlices that the controller of Kubernetes would make.
func slices(c *Cluster) (made []runtime.Object) {
	for _, service := range c.services {
		if len(service.Spec.Selector) == 0 {
			continue
		}
		selector := labels.SelectorFromSet(service.Spec.Selector)
		for _, pod := range c.pods {
			if pod.Namespace != service.Namespace || pod.Status.PodIP == "" || !selector.Matches(labels.Set(pod.Labels)) {
				continue
			}
			ready := isReady(pod) || service.Spec.PublishNotReadyAddresses
			made = append(made, &discovery.EndpointSlice{
				TypeMeta: metav1.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSlice"},
				ObjectMeta: metav1.ObjectMeta{Name: service.Name + "-" + pod.Name, Namespace: service.Namespace,
					Labels: map[string]string{discovery.LabelServiceName: service.Name}},
				AddressType: discovery.AddressTypeIPv4,
				Endpoints: []discovery.Endpoint{{
					Addresses:  []string{pod.Status.PodIP},
					Conditions: discovery.EndpointConditions{Ready: &ready, Serving: &ready},
					NodeName:   &pod.Spec.NodeName,
					TargetRef:  &corev1.ObjectReference{Kind: "Pod", Name: pod.Name, Namespace: pod.Namespace},
				}},
				Ports: ports(service, pod),
			})
		}
	}
	return made
}

func ports(service *corev1.Service, pod *corev1.Pod) (found []discovery.EndpointPort) {
	for _, port := range service.Spec.Ports {
		if number := target(port, pod); number != 0 {
			name, protocol := port.Name, port.Protocol
			if protocol == "" {
				protocol = corev1.ProtocolTCP
			}
			found = append(found, discovery.EndpointPort{Name: &name, Port: &number, Protocol: &protocol, AppProtocol: port.AppProtocol})
		}
	}
	return found
}

// target is the port of the pod that a port of a service leads to; 0 where the pod has none of its name.
func target(port corev1.ServicePort, pod *corev1.Pod) int32 {
	if port.TargetPort.Type == intstr.String {
		for _, container := range pod.Spec.Containers {
			for _, own := range container.Ports {
				if own.Name == port.TargetPort.StrVal {
					return own.ContainerPort
				}
			}
		}
		return 0
	}
	if port.TargetPort.IntVal == 0 {
		return port.Port
	}
	return port.TargetPort.IntVal
}

func isReady(pod *corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}
